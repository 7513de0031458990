import Settings
import Testing

@Suite("What the keys of a listener mean together")
struct ListenerReviewTests {
    /// A TLS set; stands behind a listener. 3 lines.
    private static let set = "\n[tls.a]\ncertificate = \"c\"\nkey = \"k\"\n"
    private static let listen = "\(relay)listen = [\"127.0.0.1:25\"]\n"

    @Test(arguments: [
        Case(
            "smtps without a certificate", "\(listen)role = \"smtps\"",
            "m.toml:6:8: listener.mx.role: \"smtps\" needs a certificate; name a TLS set with the key tls"),
        Case(
            "smtps and STARTTLS", "\(listen)role = \"smtps\"\ntls = \"a\"\nstarttls = \"require\"\(set)",
            "m.toml:8:12: listener.mx.starttls: \"require\" does not go with role = \"smtps\", which is TLS from the first"
                + " byte"),
        Case(
            "a wait for TLS that never comes",
            "\(listen)dial = \"starttls\"\n[listener.b]\nlisten = [\"127.0.0.1:26\"]\nupstream = \"backend\"\ntls = \"a\"\n"
                + "starttls = \"off\"\ndial = \"starttls\"\(set)",
            "m.toml:6:8: listener.mx.dial: \"starttls\" waits for the client's TLS, and there is none: starttls is \"off\"",
            "m.toml:12:8: listener.b.dial: \"starttls\" waits for the client's TLS, and there is none: starttls is \"off\""
        ),
        Case(
            "STARTTLS injected where there is none", "\(listen)ehlo_before_tls = \"inject\"",
            "m.toml:6:19: listener.mx.ehlo_before_tls: \"inject\" would offer STARTTLS, and starttls = \"off\""),
        Case(
            "STARTTLS hidden and offered", "\(listen)tls = \"a\"\nehlo_before_tls = \"strip\"\(set)",
            "m.toml:7:19: listener.mx.ehlo_before_tls: \"strip\" would hide the STARTTLS of starttls = \"offer\""),
        Case(
            "STARTTLS hidden and demanded",
            "\(listen)tls = \"a\"\nstarttls = \"require\"\nehlo_before_tls = \"strip\"\(set)",
            "m.toml:8:19: listener.mx.ehlo_before_tls: \"strip\" would hide the STARTTLS of starttls = \"require\""),
        Case(
            "nothing to pass on", "\(listen)tls = \"a\"\ndial = \"starttls\"\nehlo_before_tls = \"pass\"\(set)",
            "m.toml:8:19: listener.mx.ehlo_before_tls: \"pass\" has nothing to pass on: dial = \"starttls\" asks no server"
                + " before TLS"),
        Case(
            "EHLO before TLS on smtps", "\(listen)tls = \"a\"\nrole = \"smtps\"\nehlo_before_tls = \"pass\"\(set)",
            "m.toml:8:19: listener.mx.ehlo_before_tls: \"pass\" has no EHLO to act on: role = \"smtps\" is TLS from the"
                + " first byte"),
        Case(
            "words of ehlo_before_tls", "\(listen)ehlo_before_tls = \"\"\nehlo_inside_tls = \"inject\"",
            "m.toml:6:19: listener.mx.ehlo_before_tls: \"\" is not one of \"inject\", \"strip\", \"pass\", \"auto\"",
            "m.toml:7:19: listener.mx.ehlo_inside_tls: \"inject\" is not one of \"strip\", \"pass\""),
        Case(
            "hidden capabilities",
            "\(listen)hide_capabilities = [\"chunking\", \"StartTLS\", \"-X\", \"SIZE 100\", \"\"]",
            "m.toml:6:34: listener.mx.hide_capabilities: \"StartTLS\" is not hidden here; ehlo_before_tls and"
                + " ehlo_inside_tls say what becomes of it",
            "m.toml:6:46: listener.mx.hide_capabilities: \"-X\" is not a keyword of EHLO; expected 1 to 64 letters, digits"
                + " and -, as in \"CHUNKING\"",
            "m.toml:6:52: listener.mx.hide_capabilities: \"SIZE 100\" is not a keyword of EHLO; expected 1 to 64 letters,"
                + " digits and -, as in \"CHUNKING\"",
            "m.toml:6:64: listener.mx.hide_capabilities: \"\" is not a keyword of EHLO; expected 1 to 64 letters, digits"
                + " and -, as in \"CHUNKING\""),
        Case(
            "a PROXY header from nobody", "\(listen)proxy_protocol = \"required\"",
            "m.toml:6:18: listener.mx.proxy_protocol: \"required\" lets nobody in: name the networks to trust in"
                + " proxy_protocol_trusted"),
        Case(
            "a PROXY header of nonsense, once",
            "\(listen)proxy_protocol = \"required\"\nproxy_protocol_trusted = [\"10.1.2.3/8\"]",
            "m.toml:7:27: listener.mx.proxy_protocol_trusted: \"10.1.2.3/8\" has bits set behind the prefix; did you mean"
                + " \"10.0.0.0/8\"?"),
        Case(
            "a PROXY header on a Unix socket is trusted as its file says",
            "\(relay)listen = [\"unix:/run/x\"]\nproxy_protocol = \"required\""),
        Case(
            "one Unix socket twice",
            "[runtime]\ncontrol_socket = \"/run/x\"\n\(relay)listen = [\"unix:/run/y\", \"unix:/run/y\", \"unix:/run/x\"]",
            "m.toml:7:26: listener.mx.listen: unix:/run/y is taken already, in listener.mx.listen (m.toml:7:11)",
            "m.toml:7:41: listener.mx.listen: unix:/run/x is taken already, in runtime.control_socket (m.toml:2:18)"),
        Case(
            "the control socket of a default", "\(relay)listen = [\"unix:/run/mailrace/control.sock\"]",
            "m.toml:5:11: listener.mx.listen: unix:/run/mailrace/control.sock is taken already, in runtime.control_socket"
                + " (default)"),
        Case(
            "IPv4 where IPv6 is alone", "\(relay)listen = [\"[::ffff:127.0.0.1]:25\"]\nipv6_only = true",
            "m.toml:5:11: listener.mx.listen: [::ffff:127.0.0.1]:25 is IPv4 within IPv6, which ipv6_only shuts out"),
        Case(
            "IPv6 alone leaves IPv4 to others",
            "\(relay)listen = [\"[::]:25\"]\nipv6_only = true\n[listener.b]\nlisten = [\"0.0.0.0:25\"]\nupstream = \"backend\""
        ),
        Case(
            "sizes",
            "\(listen)minimum_rate = \"1kB\"\n[listener.b]\nlisten = [\"127.0.0.1:26\"]\nupstream = \"backend\"\n"
                + "minimum_rate = \"2GiB\"",
            "m.toml:6:16: listener.mx.minimum_rate: \"1kB\" is not a size; expected a number of bytes, or one with KiB, MiB"
                + " or GiB, as in \"4KiB\"",
            "m.toml:10:16: listener.b.minimum_rate: \"2GiB\" is out of range; expected a size from 0 to 1GiB"),
        Case(
            "timeouts of one listener",
            "\(listen)timeouts = { proxy_header = \"0s\", session = \"8d\", stress_command = 1 }",
            "m.toml:6:29: listener.mx.timeouts.proxy_header: \"0s\" is out of range; expected a duration from 1ms to 7d",
            "m.toml:6:45: listener.mx.timeouts.session: \"8d\" is out of range; expected a duration from 0s to 7d",
            "m.toml:6:68: listener.mx.timeouts.stress_command: expected a duration from 1ms to 7d, found the integer 1"),
        Case(
            "a circle of two listeners",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[listener.b]\nlisten = [\"[::]:2500\"]\nupstream = \"b\"\n"
                + "[upstream.b]\nservers = [\"192.0.2.9\", \"localhost\"]",
            "m.toml:2:12: upstream.backend.servers: 127.0.0.1:2500 is where listener.b listens: sessions come back from"
                + " there to listener.mx, and would go round for ever",
            "m.toml:10:25: upstream.b.servers: localhost:25 is where listener.mx listens: sessions come back from there to"
                + " listener.b, and would go round for ever"),
        Case(
            "a circle of three, by Unix sockets",
            "\(relay)listen = [\"unix:/x\"]\n[listener.b]\nlisten = [\"127.0.0.1:2500\"]\nupstream = \"b\"\n"
                + "[listener.c]\nlisten = [\"unix:/y\"]\nupstream = \"c\"\n"
                + "[upstream.b]\nservers = [\"unix:/y\"]\n[upstream.c]\nservers = [\"unix:/x\"]",
            "m.toml:2:12: upstream.backend.servers: 127.0.0.1:2500 is where listener.b listens: sessions come back from"
                + " there to listener.mx, and would go round for ever",
            "m.toml:13:12: upstream.b.servers: unix:/y is where listener.c listens: sessions come back from there to"
                + " listener.b, and would go round for ever",
            "m.toml:15:12: upstream.c.servers: unix:/x is where listener.mx listens: sessions come back from there to"
                + " listener.c, and would go round for ever"),
        Case(
            "a chain is no circle",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[listener.b]\nlisten = [\"127.0.0.1:2500\"]\nupstream = \"b\"\n"
                + "[upstream.b]\nservers = [\"192.0.2.9\"]"),
    ])
    func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    @Test(arguments: [
        Case(
            "a trusted network without PROXY", "\(listen)proxy_protocol_trusted = [\"10.0.0.0/8\"]",
            "m.toml:6:26: listener.mx.proxy_protocol_trusted: has no effect, for proxy_protocol is \"off\""),
        Case(
            "trusted networks for those who need them",
            "\(listen)[listener_defaults]\nproxy_protocol_trusted = [\"10.0.0.0/8\"]"),
        Case(
            "STARTTLS demanded in secret",
            "\(listen)tls = \"a\"\nstarttls = \"require\"\nehlo_before_tls = \"pass\"\(set)",
            "m.toml:8:19: listener.mx.ehlo_before_tls: clients must use STARTTLS, and learn of it only where the server"
                + " offers it as well"),
        Case(
            "a mirror without a picture",
            "\(listen)[upstream.b]\nservers = [\"192.0.2.1\"]\ntls = \"mirror\"\n"
                + "[listener.b]\nlisten = [\"127.0.0.1:26\"]\nupstream = \"b\"",
            "m.toml:11:12: listener.b.upstream: upstream.b mirrors the TLS of clients, and they have none here: nothing is"
                + " encrypted"),
        Case(
            "a header before TLS",
            "\(listen)[upstream.b]\nservers = [\"192.0.2.1\"]\nproxy_protocol = \"v2\"\n"
                + "proxy_protocol_tlvs = [\"unique-id\", \"ssl\", \"authority\"]\n[listener_defaults]\nupstream = \"b\"\n"
                + "[listener.b]\nlisten = [\"127.0.0.1:26\"]\ntls = \"a\"\n"
                + "[listener.c]\nlisten = [\"127.0.0.1:27\"]\ntls = \"a\"\ndial = \"starttls\"\n"
                + "[listener.d]\nlisten = [\"127.0.0.1:28\"]\ntls = \"a\"\nrole = \"smtps\"\n"
                + "[listener.e]\nlisten = [\"127.0.0.1:29\"]\(set)",
            "m.toml:9:37: upstream.b.proxy_protocol_tlvs: \"ssl\" says nothing for listener.b: the header is sent before the"
                + " client's TLS; dial = \"starttls\" there would wait for it",
            "m.toml:9:37: upstream.b.proxy_protocol_tlvs: \"ssl\" says nothing for listener.e: the header is sent before the"
                + " client's TLS",
            "m.toml:9:44: upstream.b.proxy_protocol_tlvs: \"authority\" says nothing for listener.b: the header is sent"
                + " before the client's TLS; dial = \"starttls\" there would wait for it",
            "m.toml:9:44: upstream.b.proxy_protocol_tlvs: \"authority\" says nothing for listener.e: the header is sent"
                + " before the client's TLS"),
        Case(
            "open to others, and the server is told who they are",
            "\(relay)listen = [\"192.0.2.1:25\", \"unix:/run/x\"]\n[listener.b]\nlisten = [\"192.0.2.1:26\"]\nupstream = \"b\"\n"
                + "[upstream.b]\nservers = [\"192.0.2.9\"]\nproxy_protocol = \"v1\"",
            "m.toml:5:11: listener.mx.listen: 192.0.2.1:25 is open to others, and upstream.backend sees Mailrace's address"
                + " in place of theirs: it must not trust that address"),
        Case(
            "smtps shows its certificate",
            "\(listen)tls = \"a\"\nrole = \"smtps\"\nstarttls = \"off\"\(set)"),
    ])
    func isWarnedOf(_ one: Case) throws {
        #expect(try read(one.text).warnings.map(\.description) == one.problems)
    }

    @Test(arguments: [
        ("", Settings.Listener.STARTTLSBeforeTLS.pass), ("tls = \"a\"", .inject),
        ("ehlo_before_tls = \"strip\"", .strip),
        ("tls = \"a\"\nehlo_before_tls = \"pass\"", .pass), ("tls = \"a\"\nrole = \"smtps\"", .pass),
        ("tls = \"a\"\nehlo_before_tls = \"auto\"", .inject),
    ])
    func theOfferFollowsSTARTTLS(_ keys: String, _ expected: Settings.Listener.STARTTLSBeforeTLS) throws {
        let listener = try read("\(Self.listen)\(keys)\(Self.set)").settings.listeners[0]
        #expect(listener.ehloBeforeTLS == expected)
        #expect(listener.ehloInsideTLS == .strip)
    }
}
