import Testing

@testable import Settings

@Suite("Defaults")
struct DefaultTests {
    private let tls = "[tls.default]\ncertificate = \"c\"\nkey = \"k\"\n"

    @Test func areThoseOfTheManual() throws {
        let loaded = try read("\(relay)listen = [\"127.0.0.1:25\"]")
        let settings = loaded.settings
        #expect(settings.runtime.shards == 0)
        #expect(settings.runtime.maxSessions == 10_000)
        #expect(settings.runtime.drainTimeout == .seconds(30))
        #expect(settings.runtime.ringFeatures == .probe)
        #expect(settings.timeouts.greeting == .seconds(30))
        #expect(settings.timeouts.command == .seconds(300))
        #expect(settings.timeouts.reply == .seconds(300))
        #expect(settings.timeouts.tlsHandshake == .seconds(10))
        #expect(settings.timeouts.passthroughIdle == .seconds(3_600))
        #expect(settings.log.format == .text && settings.log.level == .info && settings.log.file.isEmpty)
        #expect(settings.upstreams[0].connectTimeout == .seconds(5))
        let listener = settings.listeners[0]
        #expect(listener.statPrefix == "mx" && listener.tls == nil && listener.startTLS == .off)
        #expect(listener.role == .smtp && listener.depth == .tunnel)
        #expect(loaded.warnings.isEmpty)
    }

    @Test(arguments: [
        ("tls = \"default\"", Settings.Listener.StartTLS.offer), ("tls = \"default\"\nstarttls = \"off\"", .off),
        ("tls = \"default\"\nstarttls = \"require\"", .require), ("tls = \"\"", .off), ("starttls = \"off\"", .off),
    ])
    func startTLSFollowsTheCertificate(_ keys: String, _ expected: Settings.Listener.StartTLS) throws {
        let loaded = try read("\(tls)\(relay)listen = [\"127.0.0.1:25\"]\n\(keys)")
        #expect(loaded.settings.listeners[0].startTLS == expected)
    }

    @Test func listenersTakeWhatTheyDoNotSay() throws {
        let text = """
            \(tls)
            [timeouts]
            command = "1m"
            reply = "1m"
            greeting = "1m"
            [listener_defaults]
            upstream = "a"
            tls = "default"
            timeouts = { reply = "2m", greeting = "2m" }
            [upstream.a]
            servers = ["127.0.0.2"]
            [listener.one]
            listen = ["127.0.0.1:25"]
            timeouts.greeting = "3m"
            [listener.two]
            listen = ["127.0.0.1:26"]
            tls = ""
            """
        let listeners = try read(text).settings.listeners
        #expect(listeners.map(\.upstream) == ["a", "a"])
        #expect(listeners.map(\.tls) == ["default", nil])
        #expect(listeners.map(\.startTLS) == [.offer, .off])
        #expect(listeners.map(\.timeouts.command) == [.seconds(60), .seconds(60)])
        #expect(listeners.map(\.timeouts.reply) == [.seconds(120), .seconds(120)])
        #expect(listeners.map(\.timeouts.greeting) == [.seconds(180), .seconds(120)])
        #expect(listeners.map(\.timeouts.tlsHandshake) == [.seconds(10), .seconds(10)])
    }

    @Test func sharedKeysAreReadWithoutListeners() {
        #expect(
            problems("[listener_defaults]\nx = 1\nlisten = []") == [
                "m.toml: no listener; add a table [listener.NAME]",
                "m.toml:2:1: listener_defaults.x: unknown key",
                "m.toml:3:10: listener_defaults.listen: the list is empty; expected at least one",
            ])
    }

    @Test func everyKeyIsDescribed() {
        let keys = SettingsKey.all
        #expect(Set(keys.map(\.path)).count == keys.count)
        #expect(keys.allSatisfy { !$0.summary.isEmpty && !$0.summary.hasSuffix(".") && !$0.expected.isEmpty })
        let startTLS = keys.first { $0.path == "listener.NAME.starttls" }
        #expect(startTLS?.expected == "one of \"off\", \"offer\", \"require\"")
        #expect(startTLS?.standard == "offer where tls is set and role is not smtps, else off")
        #expect(keys.first { $0.path == "timeouts.command" }?.standard == "\"5m\"")
        #expect(keys.contains { $0.path == "listener.NAME.timeouts.command" })
        #expect(keys.first { $0.path == "upstream.NAME.servers" }?.standard == nil)
    }
}
