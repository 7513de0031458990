import Testing

@testable import Settings

@Suite("What no key takes, and what is left to say of the others")
struct MisconfigurationTests {
    /// 6 lines; keys of `[tls.a]` follow.
    private static let set = "\(relay)listen = [\"127.0.0.1:25\"]\n[tls.a]\n"
    private static let listen = "\(relay)listen = [\"127.0.0.1:25\"]\n"
    private static let expectedNetwork = "is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\""

    @Test(arguments: SettingsKey.all)
    func everyKeyRefusesAnotherType(_ key: SettingsKey) {
        let value = "2026-01-01"
        let path = key.path.replacing("NAME", with: "x")
        var text = "\(path) = "
        for list in [".sni.", ".route."] {
            guard let range = path.firstRange(of: list) else { continue }
            text = "\(path[..<range.lowerBound])\(list.dropLast()) = [{ \(path[range.upperBound...]) = "
        }
        let column = text.utf8.count + 1
        let found = problems(text + value + (text.contains("[") ? " }]" : ""))
        #expect(
            found.contains("m.toml:1:\(column): \(path): expected \(key.expected), found a date or time"), "\(found)")
    }

    @Test(arguments: [
        Case(
            "names of files",
            "\(set)certificate = [\"\", 1]\nkey = \"\"\nclient_ca = \"a\\u001Fb\"\n[upstream.b]\n"
                + "servers = [\"a\"]\ntls_certificate = [\"c\", \"\"]",
            "m.toml:7:16: tls.a.certificate: the name of a file is empty",
            "m.toml:7:20: tls.a.certificate: expected the name of a file, found the integer 1",
            "m.toml:8:7: tls.a.key: the name of a file is empty",
            "m.toml:9:13: tls.a.client_ca: a control character is not allowed here",
            "m.toml:12:19: upstream.b.tls_certificate: has no key; name its file in tls_key",
            "m.toml:12:25: upstream.b.tls_certificate: the name of a file is empty"),
        Case(
            "no files", "\(set)certificate = []\nkey = []",
            "m.toml:7:15: tls.a.certificate: the list is empty; expected at least one",
            "m.toml:8:7: tls.a.key: the list is empty; expected at least one"),
        Case(
            "lists for OpenSSL",
            "\(set)certificate = \"c\"\nkey = \"k\"\nciphers = \"a\\nb\"\nciphersuites = \"\\u007F\"",
            "m.toml:9:11: tls.a.ciphers: a control character is not allowed here",
            "m.toml:10:16: tls.a.ciphersuites: a control character is not allowed here"),
        Case(
            "versions, words, names of a TLS set",
            "\(set)certificate = \"c\"\nkey = \"k\"\nminimum_version = \"1.2\"\nmaximum_version = \"TLS13\"\n"
                + "client_certificates = \"required\"\n[listener_defaults]\ntls = \"a b\"",
            "m.toml:9:19: tls.a.minimum_version: \"1.2\" is not one of \"TLS1.0\", \"TLS1.1\", \"TLS1.2\", \"TLS1.3\"",
            "m.toml:10:19: tls.a.maximum_version: \"TLS13\" is not one of \"TLS1.0\", \"TLS1.1\", \"TLS1.2\", \"TLS1.3\","
                + " \"\"; did you mean \"TLS1.3\"?",
            "m.toml:11:23: tls.a.client_certificates: \"required\" is not one of \"off\", \"request\", \"require\"; did you"
                + " mean \"require\"?",
            "m.toml:13:7: listener_defaults.tls: \"a b\" is not a name; expected 1 to 64 letters, digits, - and _"),
        Case(
            "who clients need a certificate of",
            "\(set)certificate = \"c\"\nkey = \"k\"\nclient_certificates = \"require\"",
            "m.toml:9:23: tls.a.client_certificates: \"require\" lets nobody in: name the file of the authorities in"
                + " client_ca"),
        Case(
            "limits",
            "[runtime]\nmax_sessions_per_address = -1\nmax_accepts_per_address = \"20\"\nlimits_exempt = [\"local\"]\n"
                + "control_socket = \"run/x\"\nreload_on_change = \"yes\"\n\(listen)max_sessions_per_address = 1000001",
            "m.toml:2:28: runtime.max_sessions_per_address: -1 is out of range; expected an integer from 0 to 1000000",
            "m.toml:3:27: runtime.max_accepts_per_address: \"20\" is not a rate; expected a number and a span of time, as in"
                + " \"20/1m\"",
            "m.toml:4:18: runtime.limits_exempt: \"local\" \(expectedNetwork)",
            "m.toml:5:18: runtime.control_socket: \"run/x\": the path of a socket begins with / (a file) or @ (a name of"
                + " the kernel's)",
            "m.toml:6:20: runtime.reload_on_change: expected true or false, found the string \"yes\"",
            "m.toml:12:28: listener.mx.max_sessions_per_address: 1000001 is out of range; expected an integer from 0 to"
                + " 1000000"),
        Case(
            "name servers",
            "[dns]\nservers = [\"192.0.2.53:0\", \"ns.example\", \"192.0.2.53\"]\ntimeout = \"2m\"\ntries = 0\n\(listen)",
            "m.toml:2:12: dns.servers: \"192.0.2.53:0\": the port is not a number from 1 to 65535",
            "m.toml:2:28: dns.servers: \"ns.example\": a host name is not taken here; give an IP address",
            "m.toml:3:11: dns.timeout: \"2m\" is out of range; expected a duration from 1ms to 1m",
            "m.toml:4:9: dns.tries: 0 is out of range; expected an integer from 1 to 10"),
        Case(
            "words of a listener", "\(listen)role = \"smpt\"\ndial = \"startls\"\nproxy_protocol = \"v2\"",
            "m.toml:6:8: listener.mx.role: \"smpt\" is not one of \"smtp\", \"submission\", \"smtps\"; did you mean"
                + " \"smtp\"?",
            "m.toml:7:8: listener.mx.dial: \"startls\" is not one of \"accept\", \"starttls\"; did you mean \"starttls\"?",
            "m.toml:8:18: listener.mx.proxy_protocol: \"v2\" is not one of \"off\", \"required\""),
        Case(
            "numbers of an upstream",
            "\(listen)[upstream.b]\nservers = [\"a\"]\nmax_connections = -1\nmax_wait = \"2h\"\nretry = 101\n"
                + "connect_timeout = \"0s\"\nsource = [\"192.0.2.1:0\"]",
            "m.toml:8:19: upstream.b.max_connections: -1 is out of range; expected an integer from 0 to 1000000",
            "m.toml:9:12: upstream.b.max_wait: \"2h\" is out of range; expected a duration from 0s to 1h",
            "m.toml:10:9: upstream.b.retry: 101 is out of range; expected an integer from 0 to 100",
            "m.toml:11:19: upstream.b.connect_timeout: \"0s\" is out of range; expected a duration from 1ms to 1h",
            "m.toml:12:11: upstream.b.source: \"192.0.2.1:0\" is not an IP address; expected one without a port"),
    ])
    func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    @Test(arguments: [
        Case(
            "everybody is trusted",
            "\(listen)proxy_protocol = \"required\"\nproxy_protocol_trusted = [\"10.0.0.0/8\", \"0.0.0.0/0\", \"::/0\"]",
            "m.toml:7:41: listener.mx.proxy_protocol_trusted: 0.0.0.0/0 lets anyone say which client it is; name the"
                + " proxies",
            "m.toml:7:54: listener.mx.proxy_protocol_trusted: ::/0 lets anyone say which client it is; name the proxies"
        )
    ])
    func isWarnedOf(_ one: Case) throws {
        #expect(try read(one.text).warnings.map(\.description) == one.problems)
    }
}
