import CLinux
import Glibc
import Ring
import Settings
import Testing

@testable import Service

@Suite struct HandedSocketsTests {
    private func settings(_ text: String) throws -> LoadedSettings {
        let upstream = "[upstream.backend]\nservers = [\"127.0.0.1:1\"]\n"
        return try Settings.read(Array((upstream + text).utf8), file: "m.toml")
    }

    private let smtp = "[listener.smtp]\nsystemd = true\nupstream = \"backend\"\n"

    private func listening() throws -> ListeningSocket {
        try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
    }

    private func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) >= 0 }

    @Test func namesAreMatchedAndTheirOrderDoesNotMatter() throws {
        let sockets = try (0..<3).map { _ in try listening() }
        defer { for socket in sockets { socket.close() } }
        let other = "[listener.other]\nlisten = [\"127.0.0.1:25\"]\nupstream = \"backend\"\n"
        let handed = HandedSockets([
            .init(name: "smtp", number: sockets[0].descriptor), .init(name: "other", number: sockets[1].descriptor),
            .init(name: "smtp", number: sockets[2].descriptor),
        ])
        let claims = try handed.claimed(for: settings(smtp + other))
        #expect(claims.claimed["smtp"]?.map(\.address) == [sockets[0].address, sockets[2].address])
        #expect(claims.claimed["other"]?.map(\.descriptor) == [sockets[1].descriptor])
        #expect(claims.warnings == [])
    }

    @Test func whatNobodyClaimsIsNamedAndClosed() throws {
        let (wanted, unclaimed) = (try listening(), try listening())
        defer { wanted.close() }
        let plain = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let handed = HandedSockets([
            .init(name: "smtp", number: wanted.descriptor), .init(name: "http", number: unclaimed.descriptor),
            .init(name: "unknown", number: plain),
        ])
        let claims = try handed.claimed(for: settings(smtp))
        #expect(
            claims.warnings == [
                "a socket was handed over that no listener claims: http (\(unclaimed.address)); it is closed",
                "a socket was handed over that no listener claims: unknown (no listening stream socket); it is closed",
            ])
        #expect(!isOpen(unclaimed.descriptor))
        #expect(!isOpen(plain))
        #expect(isOpen(wanted.descriptor))
    }

    private func problems(_ handed: [HandedSockets.Descriptor], _ text: String) throws -> [String] {
        let loaded = try settings(text)
        do throws(SettingsProblems) {
            _ = try HandedSockets(handed).claimed(for: loaded)
            return []
        } catch { return error.list.map(\.description) }
    }

    @Test func aListenerWithoutItsSocketIsAnError() throws {
        #expect(
            try problems([], smtp) == [
                "m.toml:4:11: listener.smtp.systemd: no socket with FileDescriptorName=smtp was handed over, and none "
                    + "at all"
            ])
        let other = try listening()
        #expect(
            try problems([.init(name: "mail", number: other.descriptor)], smtp) == [
                "m.toml:4:11: listener.smtp.systemd: no socket with FileDescriptorName=smtp was handed over, but mail"
            ])
    }

    @Test func whatCannotBeListenedAtIsAnError() throws {
        let plain = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(plain) }
        let problems = try problems([.init(name: "smtp", number: plain)], smtp)
        #expect(
            problems.first
                == "m.toml:3:1: listener.smtp: what was handed over for it (descriptor \(plain)) is no listening stream "
                + "socket")
    }
}
