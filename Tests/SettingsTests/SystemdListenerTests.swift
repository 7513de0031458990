import Testing

@testable import Settings

@Suite struct SystemdListenerTests {
    private let rest = "upstream = \"backend\"\n[upstream.backend]\nservers = [\"127.0.0.1:1\"]\n"

    @Test func itNeedsNoAddress() throws {
        let loaded = try read("[listener.smtp]\nsystemd = true\n" + rest)
        #expect(loaded.settings.listeners[0].isFromSystemd)
        #expect(loaded.settings.listeners[0].listen == [])
        #expect(loaded.warnings == [])
        #expect(try read(loaded.printed()).settings == loaded.settings)
    }

    @Test func anAddressOfItsOwnHasNoEffect() throws {
        let loaded = try read("[listener.smtp]\nsystemd = true\nlisten = [\"127.0.0.1:25\"]\n" + rest)
        #expect(
            loaded.warnings.map(\.description) == [
                "m.toml:3:10: listener.smtp.listen: has no effect, for systemd = true takes sockets from systemd alone"
            ])
    }

    @Test func itsAddressIsNobodysRival() throws {
        let two = "[listener.a]\nsystemd = true\nlisten = [\"127.0.0.1:25\"]\nupstream = \"backend\"\n"
        _ = try read(two + "[listener.b]\nlisten = [\"127.0.0.1:25\"]\n" + rest)
    }

    @Test(arguments: ["", "listen = []\n", "systemd = false\n"])
    func withoutItAnAddressIsNeeded(_ lines: String) {
        #expect(
            problems("[listener.smtp]\n" + lines + rest) == [
                "m.toml:1:11: listener.smtp: the key listen is missing (systemd = true goes without)"
            ])
    }

    @Test func aProxyMustBeTrustedThereToo() {
        #expect(
            problems("[listener.smtp]\nsystemd = true\nproxy_protocol = \"required\"\n" + rest).first?
                .contains("name the networks to trust") == true)
    }
}
