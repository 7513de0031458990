import Testing

@testable import Settings

@Suite("Networks, servers, sockets")
struct AddressTests {
    /// The value, or the words that refuse it.
    private func outcome<Value: CustomStringConvertible>(_ parsed: Parsed<Value>) -> String {
        switch parsed {
        case .value(let value): "\(value)"
        case .refused(let reason): reason
        }
    }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.0/24"), ("0.0.0.0/0", "0.0.0.0/0"), ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"), ("2001:DB8::/32", "2001:db8::/32"), ("::/0", "::/0"), ("::1", "::1"),
        ("::1/128", "::1"), ("10.128.0.0/9", "10.128.0.0/9"), ("2001:db8:8000::/33", "2001:db8:8000::/33"),
        ("192.0.2.1/24", "\"192.0.2.1/24\" has bits set behind the prefix; did you mean \"192.0.2.0/24\"?"),
        ("10.128.0.0/8", "\"10.128.0.0/8\" has bits set behind the prefix; did you mean \"10.0.0.0/8\"?"),
        ("2001:db8::1/64", "\"2001:db8::1/64\" has bits set behind the prefix; did you mean \"2001:db8::/64\"?"),
        ("192.0.2.0/33", "\"192.0.2.0/33\": the length of the prefix is not a number from 0 to 32"),
        ("2001:db8::/129", "\"2001:db8::/129\": the length of the prefix is not a number from 0 to 128"),
        ("192.0.2.0/", "\"192.0.2.0/\": the length of the prefix is not a number from 0 to 32"),
        ("192.0.2.0/-1", "\"192.0.2.0/-1\": the length of the prefix is not a number from 0 to 32"),
        ("192.0.2.0/24/8", "\"192.0.2.0/24/8\": the length of the prefix is not a number from 0 to 32"),
        ("::ffff:192.0.2.0/120", "\"::ffff:192.0.2.0/120\" is IPv4 within IPv6; write \"192.0.2.0/24\""),
        ("::ffff:192.0.2.1", "\"::ffff:192.0.2.1\" is IPv4 within IPv6; write \"192.0.2.1\""),
        ("", "\"\" is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\""),
        ("/8", "\"/8\" is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\""),
        ("[::1]/128", "\"[::1]/128\" is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\""),
        ("a.example/8", "\"a.example/8\" is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\""),
    ])
    func network(_ text: String, _ expected: String) {
        #expect(outcome(Settings.Network.parse(text)) == expected)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1:25"), ("192.0.2.1:2525", "192.0.2.1:2525"), ("[2001:db8::1]", "[2001:db8::1]:25"),
        ("MX2.Internal", "mx2.internal:25"), ("mx.example.com:465", "mx.example.com:465"), ("a_b", "a_b:25"),
        ("unix:/run/lmtp", "unix:/run/lmtp"), ("unix:@relay", "unix:@relay"), ("1e100.net", "1e100.net:25"),
        ("mx.example.com:0", "\"mx.example.com:0\": the port is not a number from 1 to 65535"),
        ("mx.example.com:", "\"mx.example.com:\": the port is not a number from 1 to 65535"),
        ("mx.example.com:smtp", "\"mx.example.com:smtp\": the port is not a number from 1 to 65535"),
        ("192.0.2.256", "\"192.0.2.256\" is not an IP address"), ("192.0.2", "\"192.0.2\" is not an IP address"),
        ("0x7f.1", "\"0x7f.1\" is not an IP address"), ("mx..example", "\"mx..example\" is not an IP address"),
        ("mx.example.com:25:25", "\"mx.example.com:25:25\" is not an IP address"),
        (
            "smtp://192.0.2.1:25",
            "\"smtp://192.0.2.1:25\": a URL is not taken here; give the host alone, as in \"mx.example.com:25\""
        ),
        ("/run/lmtp", "\"/run/lmtp\": a Unix socket is written \"unix:/run/lmtp\""),
        ("[192.0.2.1]:25", "\"[192.0.2.1]:25\": only an IPv6 address stands in brackets"),
        ("mx.example.com.:25", "\"mx.example.com.:25\": a host name is written without a dot at its end"),
        ("mx.example..:25", "\"mx.example..:25\" is not an IP address"),
        ("2001:db8::1", "\"2001:db8::1\": an IPv6 address stands in brackets, as in \"[2001:db8::1]:25\""),
        ("unix:", "\"unix:\": the path of a socket begins with / (a file) or @ (a name of the kernel's)"),
        ("unix:run", "\"unix:run\": the path of a socket begins with / (a file) or @ (a name of the kernel's)"),
        ("unix:/", "\"unix:/\": the path of a socket begins with / (a file) or @ (a name of the kernel's)"),
    ])
    func server(_ text: String, _ expected: String) {
        #expect(outcome(Settings.ServerAddress.parse(text)) == expected)
    }

    @Test func aServerHasOneForm() throws {
        let path = try #require(Settings.SocketPath("/run/x"))
        guard case .value(.host(name: "mx.example.com", port: 25)) = Settings.ServerAddress.parse("MX.example.com"),
            case .value(.unix(path)) = Settings.ServerAddress.parse("unix:/run/x"),
            case .value(.ip(let endpoint)) = Settings.ServerAddress.parse("[::1]:26")
        else {
            Issue.record("another form")
            return
        }
        #expect(endpoint.port == 26 && endpoint.isIPv6)
    }

    @Test(arguments: [
        ("unix:/run/x.sock", "unix:/run/x.sock"), ("192.0.2.1:0", "192.0.2.1:0"),
        ("mx.example.com:25", "\"mx.example.com:25\": a host name is not taken here; give an IP address"),
    ])
    func listenAddress(_ text: String, _ expected: String) {
        #expect(outcome(Settings.ListenAddress.parse(text)) == expected)
    }

    @Test func nameServersAreIPAddresses() {
        let parsed = Endpoint.parse("unix:/run/x.sock", defaultPort: 53, ports: 1...65_535)
        #expect(outcome(parsed) == "\"unix:/run/x.sock\": a Unix socket is not taken here; give an IP address")
    }

    @Test func aSocketPathHasALimit() {
        let longest = "/" + String(repeating: "x", count: 106)
        #expect(Settings.SocketPath(longest)?.text == longest)
        #expect(Settings.SocketPath("\(longest)x") == nil)
        #expect(Settings.SocketPath("/a\u{0}b") == nil)
        let text = "unix:\(longest)x"
        #expect(
            outcome(Settings.ListenAddress.parse(text))
                == "\"\(text.prefix(80))...\": the path of a socket has at most 107 bytes")
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1:25", "\"192.0.2.1:25\" is not an IP address; expected one without a port"),
        ("[::1]", "\"[::1]\" is not an IP address; expected one without a port"),
        ("0.0.0.0", "\"0.0.0.0\" stands for every address; name one"),
        ("::ffff:192.0.2.1", "\"::ffff:192.0.2.1\" is IPv4 within IPv6; write \"192.0.2.1\""),
    ])
    func sourceAddress(_ text: String, _ expected: String) {
        #expect(outcome(Settings.Address.parse(text)) == expected)
    }

    @Test func ipv6AloneLeavesIPv4() throws {
        let any = try #require(Endpoint(address: [UInt8](repeating: 0, count: 16), port: 25))
        let anyIPv4 = try #require(Endpoint(address: [0, 0, 0, 0], port: 25))
        let loopback = try #require(Endpoint(address: [127, 0, 0, 1], port: 25))
        #expect(any.covers(loopback) && any.covers(anyIPv4))
        #expect(!any.covers(loopback, ipv6Only: true) && !any.covers(anyIPv4, ipv6Only: true))
        #expect(any.covers(any, ipv6Only: true) && !anyIPv4.covers(any))
    }
}
