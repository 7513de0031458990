import Settings
import Testing

@Suite("What the keys of an upstream, and of a TLS set, mean together")
struct UpstreamReviewTests {
    /// 6 lines; keys of `[upstream.b]` follow.
    private static let upstream = "\(relay)listen = [\"127.0.0.1:25\"]\n[upstream.b]\n"
    /// 6 lines; keys of `[tls.a]` follow.
    private static let set = "\(relay)listen = [\"127.0.0.1:25\"]\n[tls.a]\n"
    private static let pin = String(repeating: "0", count: 64)

    @Test(arguments: servers + headers + sets)
    func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    private static let servers = [
        Case(
            "a server twice", "\(upstream)servers = [\"MX.example.com\", \"192.0.2.1\", \"mx.example.com:25\"]",
            "m.toml:7:43: upstream.b.servers: mx.example.com:25 is in the list already"),
        Case(
            "no name to verify by",
            "\(upstream)servers = [\"192.0.2.1\", \"mx.example.com\", \"unix:/run/x\"]\ntls = \"required\"",
            "m.toml:7:12: upstream.b.servers: 192.0.2.1:25 has no name to verify its certificate by; give tls_server_name or"
                + " tls_pin_sha256, or say tls_verify = false",
            "m.toml:7:43: upstream.b.servers: unix:/run/x has no name to verify its certificate by; give tls_server_name or"
                + " tls_pin_sha256, or say tls_verify = false"),
        Case(
            "no name to verify by, where that is demanded",
            "\(upstream)servers = [\"192.0.2.1\"]\ntls_verify = true",
            "m.toml:7:12: upstream.b.servers: 192.0.2.1:25 has no name to verify its certificate by; give tls_server_name or"
                + " tls_pin_sha256, or say tls_verify = false"),
        Case(
            "a name", "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"required\"\ntls_server_name = \"mx.example.com\""),
        Case("a pin", "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"required\"\ntls_pin_sha256 = [\"\(pin)\"]"),
        Case("no verification", "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"required\"\ntls_verify = \"false\""),
        Case("a mirror only counts", "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"mirror\""),
        Case(
            "a name that is none, once",
            "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"required\"\ntls_server_name = \"192.0.2.1\"",
            "m.toml:9:19: upstream.b.tls_server_name: \"192.0.2.1\" is not a host name"),
        Case(
            "a pin that is none, once",
            "\(upstream)servers = [\"192.0.2.1\"]\ntls = \"required\"\ntls_pin_sha256 = [\"00\"]",
            "m.toml:9:19: upstream.b.tls_pin_sha256: \"00\" is not a SHA-256 digest; expected 64 hexadecimal digits, or"
                + " base64"),
        Case(
            "a pin that is not compared",
            "\(upstream)servers = [\"192.0.2.1\"]\ntls_verify = false\ntls_pin_sha256 = [\"\(pin)\"]",
            "m.toml:9:18: upstream.b.tls_pin_sha256: no key is ever compared with it, for tls_verify is false"),
        Case(
            "words",
            "\(upstream)servers = [\"a\"]\ntls = \"on\"\ntls_verify = \"yes\"\nbalance = \"roundrobin\"\n"
                + "tls_minimum_version = \"TLS1.4\"\nproxy_protocol = \"v3\"\nhealth.probe = \"helo\"",
            "m.toml:8:7: upstream.b.tls: \"on\" is not one of \"off\", \"opportunistic\", \"required\", \"implicit\","
                + " \"mirror\"",
            "m.toml:9:14: upstream.b.tls_verify: \"yes\" is not one of \"auto\", true, false",
            "m.toml:10:11: upstream.b.balance: \"roundrobin\" is not one of \"round-robin\", \"least-sessions\","
                + " \"hash-client\", \"first\"; did you mean \"round-robin\"?",
            "m.toml:11:23: upstream.b.tls_minimum_version: \"TLS1.4\" is not one of \"TLS1.0\", \"TLS1.1\", \"TLS1.2\","
                + " \"TLS1.3\"; did you mean \"TLS1.0\"?",
            "m.toml:12:18: upstream.b.proxy_protocol: \"v3\" is not one of \"off\", \"v1\", \"v2\"; did you mean \"v1\"?",
            "m.toml:13:16: upstream.b.health.probe: \"helo\" is not one of \"connect\", \"ehlo\", \"off\"; did you mean"
                + " \"ehlo\"?"),
        Case(
            "a verification of another kind", "\(upstream)servers = [\"a\"]\ntls_verify = 1",
            "m.toml:8:14: upstream.b.tls_verify: expected one of \"auto\", true, false, found the integer 1"),
        Case(
            "keys and certificates",
            "\(upstream)servers = [\"a\"]\ntls_certificate = [\"c\", \"d\"]\ntls_key = \"k\"\n[upstream.c]\nservers = [\"a\"]\n"
                + "tls_certificate = \"c\"\n[upstream.d]\nservers = [\"a\"]\ntls_key = [\"k\"]\ntls_certificate = \"\"",
            "m.toml:9:11: upstream.b.tls_key: 1 files, but tls_certificate has 2; expected one each",
            "m.toml:12:19: upstream.c.tls_certificate: has no key; name its file in tls_key",
            "m.toml:15:11: upstream.d.tls_key: has no certificate; name its file in tls_certificate"),
    ]

    private static let headers = [
        Case(
            "TLVs without their version",
            "\(upstream)servers = [\"a\"]\nproxy_protocol_tlvs = [\"unique-id\"]\n[upstream.c]\nservers = [\"a\"]\n"
                + "proxy_protocol = \"v1\"\nproxy_protocol_tlvs = [\"unique-id\"]",
            "m.toml:8:23: upstream.b.proxy_protocol_tlvs: only a header of version 2 carries them, and proxy_protocol is"
                + " \"off\"",
            "m.toml:12:23: upstream.c.proxy_protocol_tlvs: only a header of version 2 carries them, and proxy_protocol is"
                + " \"v1\""),
        Case(
            "TLVs twice",
            "\(upstream)servers = [\"a\"]\nproxy_protocol = \"v2\"\n"
                + "proxy_protocol_tlvs = [\n\"0xE1=a\",\n\"0xE1=b\",\n\"crc32c\",\n\"crc32c\",\n\"authority\",\n\"0x02=x\",\n"
                + "\"pass:0xE0\",\n\"pass\",\n\"ssh\"]",
            "m.toml:9:23: upstream.b.proxy_protocol_tlvs: \"0x02=x\" is of the same type as \"authority\"",
            "m.toml:9:23: upstream.b.proxy_protocol_tlvs: \"0xE1=b\" is of the same type as \"0xE1=a\"",
            "m.toml:9:23: upstream.b.proxy_protocol_tlvs: \"crc32c\" is in the list already",
            "m.toml:9:23: upstream.b.proxy_protocol_tlvs: \"pass:0xE0\" is part of \"pass\", which is in the list as well",
            "m.toml:18:1: upstream.b.proxy_protocol_tlvs: \"ssh\" is not \(expectedTLV); did you mean \"ssl\"?"),
        Case(
            "TLVs twice, each at its place",
            "\(upstream)servers = [\"a\"]\nproxy_protocol = \"v2\"\n"
                + "proxy_protocol_tlvs = [\n\"0xE1=a\",\n\"0xE1=b\",\n\"pass:0x20\",\n\"ssl\",\n\"ssl\"]",
            "m.toml:11:1: upstream.b.proxy_protocol_tlvs: \"0xE1=b\" is of the same type as \"0xE1=a\"",
            "m.toml:13:1: upstream.b.proxy_protocol_tlvs: \"ssl\" is of the same type as \"pass:0x20\"",
            "m.toml:14:1: upstream.b.proxy_protocol_tlvs: \"ssl\" is of the same type as \"pass:0x20\""),
        Case(
            "a source of another family",
            "\(upstream)servers = [\"192.0.2.1\", \"[2001:db8::1]\", \"mx.example.com\", \"unix:/x\"]\n"
                + "source = [\"192.0.2.2\"]",
            "m.toml:7:25: upstream.b.servers: [2001:db8::1]:25 cannot be dialled: source has no address of IPv6"),
        Case(
            "a source of a Unix socket", "\(upstream)servers = [\"unix:/x\"]\nsource = [\"192.0.2.2\"]",
            "m.toml:8:10: upstream.b.source: a Unix socket is not dialled from an address"),
        Case(
            "health",
            "\(upstream)servers = [\"a\"]\nhealth = { rise = 0, fall = 101, interval = \"10ms\" }\n"
                + "[upstream.c]\nservers = [\"a\"]\nhealth = { interval = \"2s\" }\n"
                + "[upstream.d]\nservers = [\"a\"]\nhealth = { interval = \"20s\", timeout = \"30s\" }",
            "m.toml:8:19: upstream.b.health.rise: 0 is out of range; expected an integer from 1 to 100",
            "m.toml:8:29: upstream.b.health.fall: 101 is out of range; expected an integer from 1 to 100",
            "m.toml:8:45: upstream.b.health.interval: \"10ms\" is out of range; expected a duration from 100ms to 1h",
            "m.toml:11:23: upstream.c.health.interval: a check may take 3s, and the next begins after 2s; timeout must not"
                + " be longer than interval",
            "m.toml:14:40: upstream.d.health.timeout: a check may take 30s, and the next begins after 20s; timeout must not"
                + " be longer than interval"),
        Case(
            "numbers",
            "\(upstream)servers = [\"a\"]\nretry = -1\nmax_connections = -1\nmax_wait = \"2h\"\nsource = [\"a\"]",
            "m.toml:8:9: upstream.b.retry: -1 is out of range; expected an integer from 0 to 100",
            "m.toml:9:19: upstream.b.max_connections: -1 is out of range; expected an integer from 0 to 1000000",
            "m.toml:10:12: upstream.b.max_wait: \"2h\" is out of range; expected a duration from 0s to 1h",
            "m.toml:11:11: upstream.b.source: \"a\" is not an IP address; expected one without a port"),
    ]

    private static let expectedTLV =
        "one of \"authority\", \"ssl\", \"unique-id\", \"crc32c\", \"pass\", \"pass:0xE0\", \"0xE1=text\""

    private static let sets = [
        Case(
            "certificates of clients and nobody to vouch for them",
            "\(set)certificate = \"c\"\nkey = \"k\"\nclient_certificates = \"require\"",
            "m.toml:9:23: tls.a.client_certificates: \"require\" lets nobody in: name the file of the authorities in"
                + " client_ca"),
        Case(
            "more certificates",
            "\(set)certificate = \"c\"\nkey = \"k\"\n[[tls.a.sni]]\nnames = [\"a.example\", \"*.b.example\", \"a.*\"]\n"
                + "certificate = [\"c\", \"d\"]\nkey = \"k\"\n  [[tls.a.sni]]\nnames = [\"A.example\"]\ncertficate = \"c\"",
            "m.toml:10:38: tls.a.sni.names: \"a.*\" is not a host name; a wildcard stands for the first label alone, as in"
                + " \"*.example.net\"",
            "m.toml:12:7: tls.a.sni.key: 1 files, but certificate has 2; expected one each",
            "m.toml:13:3: tls.a.sni: the key certificate is missing",
            "m.toml:13:3: tls.a.sni: the key key is missing",
            "m.toml:14:10: tls.a.sni.names: \"a.example\" has a certificate already (m.toml:10:9)",
            "m.toml:15:1: tls.a.sni.certficate: unknown key; did you mean certificate?"),
        Case(
            "more certificates of another kind",
            "\(set)certificate = \"c\"\nkey = \"k\"\nsni = [1]\n[tls.b]\ncertificate = \"c\"\nkey = \"k\"\n"
                + "sni = { names = [\"a\"] }",
            "m.toml:9:8: tls.a.sni: expected a table, found the integer 1",
            "m.toml:13:7: tls.b.sni: expected a list of tables, as in [[tls.b.sni]], found a table"),
    ]

    @Test(arguments: [
        Case(
            "keys of TLS without TLS",
            "\(upstream)servers = [\"a\"]\ntls = \"off\"\ntls_verify = true\ntls_server_name = \"\"\ntls_ca = \"f\"\n"
                + "tls_pin_sha256 = [\"\(pin)\"]",
            "m.toml:9:14: upstream.b.tls_verify: has no effect, for tls is \"off\"",
            "m.toml:11:10: upstream.b.tls_ca: has no effect, for tls is \"off\"",
            "m.toml:12:18: upstream.b.tls_pin_sha256: has no effect, for tls is \"off\""),
        Case(
            "keys of verification without it",
            "\(upstream)servers = [\"a\"]\ntls_verify = false\ntls_ca = \"f\"",
            "m.toml:9:10: upstream.b.tls_ca: has no effect, for tls_verify is false"),
        Case(
            "a wait for nothing", "\(upstream)servers = [\"a\"]\nmax_wait = \"1s\"",
            "m.toml:8:12: upstream.b.max_wait: has no effect, for max_connections is 0"),
        Case(
            "ports",
            "\(upstream)servers = [\"a:465\"]\n[upstream.c]\nservers = [\"a\", \"a:465\", \"a:587\"]\ntls = \"implicit\"",
            "m.toml:7:12: upstream.b.servers: a:465: port 465 is one for TLS from the first byte, and tls is"
                + " \"opportunistic\"",
            "m.toml:9:12: upstream.c.servers: a:25: port 25 is one for STARTTLS, and tls is \"implicit\"",
            "m.toml:9:26: upstream.c.servers: a:587: port 587 is one for STARTTLS, and tls is \"implicit\""),
        Case(
            "certificates of clients",
            "\(set)certificate = \"c\"\nkey = \"k\"\nclient_ca = \"f\"\n[tls.b]\ncertificate = \"c\"\nkey = \"k\"\n"
                + "client_certificates = \"request\"",
            "m.toml:9:13: tls.a.client_ca: has no effect, for client_certificates is \"off\"",
            "m.toml:13:23: tls.b.client_certificates: the certificates of clients are never verified, for client_ca is"
                + " empty"),
    ])
    func isWarnedOf(_ one: Case) throws {
        #expect(try read(one.text).warnings.map(\.description) == one.problems)
    }

    @Test(arguments: [
        ("", false), ("tls = \"required\"", true), ("tls = \"implicit\"", true), ("tls = \"mirror\"", false),
        ("tls_verify = true", true), ("tls = \"required\"\ntls_verify = false", false), ("tls = \"off\"", false),
        ("tls = \"off\"\ntls_verify = true", false),
    ])
    func verification(_ keys: String, _ isDemanded: Bool) throws {
        let settings = try read("\(Self.upstream)servers = [\"a\"]\n\(keys)").settings
        #expect(settings.upstreams[1].demandsVerification == isDemanded)
    }
}
