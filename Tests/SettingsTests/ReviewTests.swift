import Settings
import Testing

@Suite("What keys mean together")
struct ReviewTests {
    @Test(arguments: [
        Case(
            "references",
            "\(relay)listen = [\"127.0.0.1:25\"]\ntls = \"defualt\"\n[listener.b]\nlisten = [\"127.0.0.1:26\"]\n"
                + "upstream = \"bakend\"\ntls = \"x\"\n[tls.default]\ncertificate = \"c\"\nkey = \"k\"",
            "m.toml:6:7: listener.mx.tls: there is no [tls.defualt]; did you mean default?",
            "m.toml:9:12: listener.b.upstream: there is no [upstream.bakend]; did you mean backend?",
            "m.toml:10:7: listener.b.tls: there is no [tls.x]"),
        Case(
            "a shared reference, once",
            "[listener_defaults]\ntls = \"none\"\n\(relay)listen = [\"127.0.0.1:25\"]\n[listener.b]\n"
                + "listen = [\"127.0.0.1:26\"]\nupstream = \"backend\"",
            "m.toml:2:7: listener_defaults.tls: there is no [tls.none]"),
        Case(
            "STARTTLS without a certificate",
            "\(relay)listen = [\"127.0.0.1:25\"]\nstarttls = \"offer\"\n[listener.b]\n"
                + "listen = [\"127.0.0.1:26\"]\nupstream = \"backend\"\nstarttls = \"require\"\ntls = \"\"",
            "m.toml:6:12: listener.mx.starttls: \"offer\" needs a certificate; name a TLS set with the key tls",
            "m.toml:10:12: listener.b.starttls: \"require\" needs a certificate; name a TLS set with the key tls"),
        Case(
            "one address twice",
            "\(relay)listen = [\"127.0.0.1:25\", \"[::1]:25\"]\n[listener.b]\n"
                + "listen = [\"[::ffff:127.0.0.1]:25\", \"[::1]:25\"]\nupstream = \"backend\"",
            "m.toml:7:11: listener.b.listen: [::ffff:127.0.0.1]:25 overlaps with 127.0.0.1:25, in"
                + " listener.mx.listen (m.toml:5:11)",
            "m.toml:7:36: listener.b.listen: [::1]:25 is taken already, in listener.mx.listen (m.toml:5:27)"),
        Case(
            "an address behind a wildcard",
            "\(relay)listen = [\"0.0.0.0:25\"]\n[listener.b]\n"
                + "listen = [\"127.0.0.1:25\", \"[::1]:25\", \"127.0.0.1:26\"]\nupstream = \"backend\"\n"
                + "[listener.c]\nlisten = [\"[::]:26\"]\nupstream = \"backend\"",
            "m.toml:7:11: listener.b.listen: 127.0.0.1:25 overlaps with 0.0.0.0:25, in listener.mx.listen"
                + " (m.toml:5:11)",
            "m.toml:10:11: listener.c.listen: [::]:26 overlaps with 127.0.0.1:26, in listener.b.listen (m.toml:7:39)"),
        Case(
            "a listener that is its own upstream",
            "\(relay)listen = [\"127.0.0.1:2500\"]\n[listener.b]\nlisten = [\"0.0.0.0:26\"]\nupstream = \"b\"\n"
                + "[upstream.b]\nservers = [\"192.0.2.1:26\", \"127.0.0.1:26\", \"127.0.0.1:2500\"]",
            "m.toml:2:12: upstream.backend.servers: 127.0.0.1:2500 is where listener.mx listens: its sessions would go"
                + " round for ever",
            "m.toml:10:28: upstream.b.servers: 127.0.0.1:26 is where listener.b listens: its sessions would go round"
                + " for ever"),
        Case(
            "one name for two counters",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[listener.b]\nlisten = [\"127.0.0.1:26\"]\n"
                + "upstream = \"backend\"\nstat_prefix = \"mx\"",
            "m.toml:9:15: listener.b.stat_prefix: the stat_prefix \"mx\" of listener.b is that of listener.mx"),
        Case(
            "keys and certificates",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[tls.a]\ncertificate = [\"c\", \"d\"]\nkey = \"k\"\n"
                + "maximum_version = \"TLS1.1\"",
            "m.toml:8:7: tls.a.key: 1 files, but certificate has 2; expected one each",
            "m.toml:9:19: tls.a.maximum_version: TLS1.1 is older than minimum_version, TLS1.2"),
    ])
    func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    @Test func portsThatTheKernelChoosesDoNotCollide() throws {
        let loaded = try read("\(relay)listen = [\"127.0.0.1:0\", \"127.0.0.1:0\"]")
        #expect(loaded.settings.listeners[0].listen.map(\.endpoint?.port) == [0, 0])
    }

    @Test func aLogOfThisNameIsNoStream() throws {
        let text = "\(relay)listen = [\"127.0.0.1:25\"]\n[log]\nfile = \"-\""
        #expect(
            try read(text).warnings.map(\.description) == [
                "m.toml:7:8: log.file: is a file of this name; the standard error is \"\""
            ])
    }

    @Test(arguments: [
        ("transcript = \"commands\"", [String]()),
        ("transcript = \"commands\"\ntranscript_file = \"/t\"\nlevel = \"error\"", []),
        (
            "transcript = \"commands\"\nlevel = \"warning\"",
            [
                "m.toml:7:14: log.transcript: is written at level info, which log.level leaves out; set log.transcript_file"
            ]
        ),
        (
            "transcript_credentials = true",
            ["m.toml:7:26: log.transcript_credentials: passwords of clients are written down where the transcript goes"]
        ),
    ])
    func transcriptsAreLookedOver(_ keys: String, _ warnings: [String]) throws {
        let loaded = try read("\(relay)listen = [\"127.0.0.1:25\"]\n[log]\n\(keys)")
        #expect(loaded.warnings.map(\.description) == warnings)
    }

    @Test func aTranscriptHasAFileOfItsOwn() {
        #expect(
            problems("\(relay)listen = [\"127.0.0.1:25\"]\n[log]\nfile = \"/l\"\ntranscript_file = \"/l\"") == [
                "m.toml:8:19: log.transcript_file: is log.file; leave it empty to have both there"
            ])
    }

    @Test func warnings() throws {
        let text = """
            \(relay)listen = ["127.0.0.1:25", "[::1]:25", "192.0.2.1:25"]
            tls = "a"
            starttls = "off"
            [tls.a]
            certificate = "c"
            key = "k"
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "m.toml:5:39: listener.mx.listen: 192.0.2.1:25 is open to others, and upstream.backend sees Mailrace's"
                    + " address in place of theirs: it must not trust that address",
                "m.toml:7:12: listener.mx.starttls: the certificate of tls.a is never shown, for starttls is \"off\"",
            ])
    }

    @Test(arguments: ["127.0.0.1:9125", "127.8.0.1:1", "[::1]:9125", "unix:/run/x.sock", ""])
    func anAdminEndpointForThisMachineIsNoMatter(_ address: String) throws {
        let loaded = try read("\(relay)listen = [\"127.0.0.1:25\"]\n[admin]\nlisten = \"\(address)\"")
        #expect(loaded.warnings.isEmpty)
        #expect(loaded.settings.admin.listen?.description ?? "" == address)
    }

    @Test(arguments: ["0.0.0.0:9125", "[::]:9125", "192.0.2.1:9125"])
    func anAdminEndpointForOthersIsDoubtful(_ address: String) throws {
        let warnings = try read("\(relay)listen = [\"127.0.0.1:25\"]\n[admin]\nlisten = \"\(address)\"").warnings
        #expect(warnings.map(\.description).first?.contains("anybody who reaches \(address) sees") == true)
    }

    @Test func theAdminEndpointHasItsAddressAlone() {
        let text = "listen = [\"127.0.0.1:9125\"]\n[admin]\nlisten = \"127.0.0.1:9125\""
        #expect(problems(relay + text).first?.contains("is taken already, in admin.listen") == true)
        #expect(problems(relay + "listen = [\"127.0.0.1:25\"]\n[admin]\nlisten = \"nowhere\"").count == 1)
    }
}
