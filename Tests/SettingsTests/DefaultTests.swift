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
        #expect(settings.runtime.ringFeatures == .probe && settings.runtime.splice)
        #expect(settings.timeouts.greeting == .seconds(30))
        #expect(settings.timeouts.command == .seconds(300))
        #expect(settings.timeouts.reply == .seconds(300))
        #expect(settings.timeouts.tlsHandshake == .seconds(10))
        #expect(settings.timeouts.passthroughIdle == .seconds(3_600))
        #expect(settings.log.format == .text && settings.log.level == .info && settings.log.file.isEmpty)
        #expect(settings.log.transcript == .off && settings.log.transcriptFile.isEmpty)
        #expect(!settings.log.transcriptCredentials)
        #expect(settings.runtime.maxSessionsPerAddress == 50)
        #expect(settings.runtime.maxAcceptsPerAddress == Settings.Rate(count: 0, per: .seconds(60)))
        #expect(settings.runtime.limitsExempt.map(\.description) == ["127.0.0.0/8", "::1"])
        #expect(settings.runtime.controlSocket?.text == "/run/mailrace/control.sock")
        #expect(settings.runtime.reloadOnChange)
        #expect(settings.admin.listen?.description == "127.0.0.1:9125")
        #expect(settings.timeouts.proxyHeader == .seconds(5))
        #expect(settings.timeouts.session == .zero)
        #expect(settings.timeouts.stressCommand == .seconds(10))
        #expect(settings.dns.servers.isEmpty && settings.dns.timeout == .seconds(5) && settings.dns.tries == 2)
        let listener = settings.listeners[0]
        #expect(listener.statPrefix == "mx" && listener.tls == nil && listener.startTLS == .off)
        #expect(listener.role == .smtp && listener.depth == .tunnel && !listener.isIPv6Only)
        #expect(listener.dial == .accept && listener.proxyProtocol == .off && listener.proxyProtocolTrusted.isEmpty)
        #expect(listener.hideCapabilities.isEmpty && listener.minimumRate == 0)
        #expect(listener.maxSessionsPerAddress == 50)
        #expect(loaded.warnings.isEmpty)
    }

    @Test func ofAnUpstreamAreThoseOfTheManual() throws {
        let upstream = try read("\(relay)listen = [\"127.0.0.1:25\"]").settings.upstreams[0]
        #expect(upstream.transferProtocol == .smtp && upstream.balance == .roundRobin)
        #expect(upstream.tls == .opportunistic && upstream.tlsVerify == .auto && !upstream.demandsVerification)
        #expect(upstream.tlsServerName == nil && upstream.tlsCA.isEmpty && upstream.tlsPins.isEmpty)
        #expect(upstream.tlsCertificate.isEmpty && upstream.tlsKey.isEmpty && upstream.tlsKeyPasswordFile.isEmpty)
        #expect(upstream.tlsMinimumVersion == .tls12)
        #expect(upstream.source.isEmpty && upstream.proxyProtocol == .off && upstream.proxyProtocolTLVs.isEmpty)
        #expect(upstream.connectTimeout == .seconds(5) && upstream.maxWait == .seconds(5))
        #expect(upstream.maxConnections == 0 && upstream.retry == 1)
        let health = upstream.health
        #expect(health.interval == .seconds(10) && health.timeout == .seconds(3) && health.probe == .ehlo)
        #expect(health.rise == 2 && health.fall == 3)
    }

    @Test func ofATLSSetAreThoseOfTheManual() throws {
        let set = try read("\(tls)\(relay)listen = [\"127.0.0.1:25\"]").settings.tls[0]
        #expect(set.clientCertificates == .off && set.clientCA.isEmpty && set.sni.isEmpty && set.sessionTickets)
    }

    @Test(arguments: [
        ("tls = \"default\"", Settings.Listener.StartTLS.offer), ("tls = \"default\"\nstarttls = \"off\"", .off),
        ("tls = \"default\"\nstarttls = \"require\"", .require), ("tls = \"default\"\nrole = \"smtps\"", .off),
        ("tls = \"default\"\nrole = \"submission\"", .offer), ("tls = \"\"", .off), ("starttls = \"off\"", .off),
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

    @Test func listenersTakeTheLimitOfTheProcess() throws {
        let text = """
            [runtime]
            max_sessions_per_address = 10
            \(relay)listen = ["127.0.0.1:25"]
            [listener.b]
            listen = ["127.0.0.1:26"]
            upstream = "backend"
            max_sessions_per_address = 0
            """
        #expect(try read(text).settings.listeners.map(\.maxSessionsPerAddress) == [10, 0])
        let defaults = try read("\(text)\n[listener_defaults]\nmax_sessions_per_address = 5")
        #expect(defaults.settings.listeners.map(\.maxSessionsPerAddress) == [5, 0])
        #expect(
            problems("[runtime]\nmax_sessions_per_address = -1\n\(relay)listen = [\"127.0.0.1:25\"]") == [
                "m.toml:2:28: runtime.max_sessions_per_address: -1 is out of range; expected an integer from 0 to 1000000"
            ])
    }

    @Test func sharedKeysAreReadWithoutListeners() {
        #expect(
            problems("[listener_defaults]\nx = 1\nrole = \"\"") == [
                "m.toml: no listener; add a table [listener.NAME]",
                "m.toml:2:1: listener_defaults.x: unknown key",
                "m.toml:3:8: listener_defaults.role: \"\" is not one of \"smtp\", \"submission\", \"smtps\"",
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
