import Testing

@testable import Settings

@Suite("File, environment and --set")
struct SourceTests {
    private let text =
        "\(relay)listen = [\"127.0.0.1:25\"]\n[timeouts]\ncommand = \"1m\"\nreply = \"1m\"\ngreeting = \"1m\""

    @Test func theStrongerWins() throws {
        let environment = ["MAILRACE_TIMEOUTS__REPLY": "2m", "MAILRACE_TIMEOUTS__GREETING": "2m", "PATH": "/bin"]
        let loaded = try read(
            text, environment: environment, options: ["timeouts.greeting=3m", "timeouts.greeting=4m"])
        let timeouts = loaded.settings.timeouts
        #expect(timeouts.tlsHandshake == .seconds(10))
        #expect(timeouts.command == .seconds(60))
        #expect(timeouts.reply == .seconds(120))
        #expect(timeouts.greeting == .seconds(240))
        #expect(loaded.settings.listeners[0].timeouts == timeouts)
    }

    @Test func everyTypeCanBeGivenAsText() throws {
        let options = [
            "runtime.shards=4", "runtime.io_uring_features=6.1", "runtime.splice=false", "hostname=a.example",
            "log.level=debug",
            "listener.mx.listen= 127.0.0.1:26 ,[::1]:26", "listener.mx.starttls=off", "listener.mx.tls=t",
            "runtime.max_accepts_per_address=20/1m", "runtime.limits_exempt=10.0.0.0/8, ::1", "runtime.control_socket=",
            "dns.servers=192.0.2.53", "listener.mx.hide_capabilities=", "listener.mx.minimum_rate=1KiB",
            "upstream.backend.servers=mx.example.com, b.example:26", "upstream.backend.tls_verify=true",
            "upstream.backend.proxy_protocol=v2", "upstream.backend.proxy_protocol_tlvs=ssl, 0xE1=a",
            "upstream.backend.health.rise=5", "upstream.backend.tls_certificate=",
            "tls.t.certificate=/c,/d", "tls.t.key=/k,/l", "tls.t.session_tickets=false", "log.file=/a=b",
        ]
        let settings = try read(text, options: options).settings
        #expect(settings.runtime.shards == 4)
        #expect(settings.runtime.ringFeatures == .kernel61 && !settings.runtime.splice)
        #expect(settings.hostname == "a.example")
        #expect(settings.log.level == .debug)
        #expect(settings.log.file == "/a=b")
        #expect(settings.listeners[0].listen.map(\.description) == ["127.0.0.1:26", "[::1]:26"])
        #expect(settings.tls(named: "t")?.certificate == ["/c", "/d"])
        #expect(settings.tls(named: "t")?.sessionTickets == false)
        #expect(settings.runtime.maxAcceptsPerAddress == Settings.Rate(count: 20, per: .seconds(60)))
        #expect(settings.runtime.limitsExempt.map(\.description) == ["10.0.0.0/8", "::1"])
        #expect(settings.runtime.controlSocket == nil)
        #expect(settings.dns.servers.map(\.description) == ["192.0.2.53:53"])
        #expect(settings.listeners[0].hideCapabilities.isEmpty && settings.listeners[0].minimumRate == 1_024)
        let upstream = settings.upstreams[0]
        #expect(upstream.servers.map(\.description) == ["mx.example.com:25", "b.example:26"])
        #expect(upstream.tlsVerify == .on && upstream.health.rise == 5 && upstream.tlsCertificate.isEmpty)
        #expect(upstream.proxyProtocolTLVs == [.ssl, .added(type: 0xE1, value: [0x61])])
    }

    @Test func variablesFindNamesWithDashesAndCapitals() throws {
        let file = "[upstream.Back-End]\nservers = [\"127.0.0.1\"]\n[listener.mx]\nupstream = \"Back-End\"\n"
        let environment = [
            "MAILRACE_UPSTREAM__BACK_END__SERVERS": "127.0.0.2", "MAILRACE_LISTENER__MX__LISTEN": "127.0.0.1:25",
        ]
        let settings = try read(file, environment: environment).settings
        #expect(settings.upstreams.map(\.name) == ["Back-End"])
        #expect(settings.upstreams[0].servers.map(\.description) == ["127.0.0.2:25"])
    }

    @Test func problemsNameTheSource() {
        let environment = [
            "MAILRACE_LISTENER__MX__STARTTLS": "ofer", "MAILRACE_RUNTIME__SHARD": "1", "MAILRACE_LOG": "x",
            "MAILRACE_": "", "MAILRACE_UPSTREAM": "x",
        ]
        let options = ["runtime.shards=many", "log", "log.level", "a..b=1", "tls.session_tickets=1"]
        #expect(
            problems(text, environment: environment, options: options) == [
                "environment MAILRACE_: \"\": unknown key",
                "environment MAILRACE_LISTENER__MX__STARTTLS: listener.mx.starttls: \"ofer\" is not one of \"off\","
                    + " \"offer\", \"require\"; did you mean \"offer\"?",
                "environment MAILRACE_LOG: log: expected a table, found \"x\"",
                "environment MAILRACE_RUNTIME__SHARD: runtime.shard: unknown key; did you mean shards?",
                "environment MAILRACE_UPSTREAM: upstream: expected tables, as in [upstream.NAME], found \"x\"",
                "--set: runtime.shards: expected an integer from 0 to 1024, found \"many\"",
                "--set: \"log\" is not KEY=VALUE",
                "--set: \"log.level\" is not KEY=VALUE",
                "--set: a: unknown key",
                "--set: tls.session_tickets: expected a table, found \"1\"",
            ])
    }

    @Test func aListOfNothingButCommasIsEmpty() {
        #expect(
            problems(text, options: ["listener.mx.listen=,,"]) == [
                "m.toml:3:11: listener.mx: the key listen is missing (systemd = true goes without)"
            ])
    }

    @Test func variablesOfKubernetesAreNotOurs() throws {
        let environment = [
            "MAILRACE_PORT": "tcp://10.0.0.1:25", "MAILRACE_PORT_25_TCP": "tcp://10.0.0.1:25",
            "MAILRACE_SERVICE_HOST": "10.0.0.1", "MAILRACE_SERVICE_PORT_SMTP": "25",
        ]
        #expect(problems(text, environment: environment) == [])
    }

    @Test func aPathHasALimit() {
        let key = [String](repeating: "a", count: 60_000).joined(separator: ".")
        #expect(problems(text, options: ["\(key)=1"]) == ["--set: a: unknown key"])
    }

    @Test func withoutAFileThereIsARelay() throws {
        let settings = try load(options: [])
        #expect(settings.listeners.map(\.listen.description) == ["[127.0.0.1:2525]"])
        #expect(settings.upstream(named: settings.listeners[0].upstream)?.servers.description == "[127.0.0.1:25]")
        #expect(
            try load(options: ["upstream.default.servers=192.0.2.1"]).upstreams[0].servers.description
                == "[192.0.2.1:25]")
    }

    @Test func theBuiltInRelayIsPrintedAndReadAgain() throws {
        let loaded = try Settings.load(SettingsSources(), standardFile: "/nonexistent/mailrace.toml")
        #expect(loaded.file == nil)
        #expect(loaded.printed().split(separator: "\n").allSatisfy { $0.hasPrefix("[") || $0.hasSuffix("  # default") })
        #expect(try read(loaded.printed()).settings == loaded.settings)
    }

    @Test func aListenerFromOutsideReplacesTheBuiltInOne() throws {
        let options = ["listener.mx.listen=127.0.0.1:25", "listener.mx.upstream=a", "upstream.a.servers=127.0.0.1:26"]
        let settings = try load(options: options)
        #expect(settings.listeners.map(\.name) == ["mx"])
        #expect(settings.upstreams.map(\.name) == ["a"])
    }

    /// The settings of a machine without a configuration file.
    private func load(options: [String]) throws -> Settings {
        try Settings.load(SettingsSources(options: options), standardFile: "/nonexistent/mailrace.toml").settings
    }
}
