import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// Clients that come through a proxy, which says who they are before anything else.
    @Suite struct ProxyHeaderTests {
        struct Accepted: Sendable, CustomStringConvertible {
            let description: String
            let bytes: [UInt8]
            /// In the log; nil: the proxy itself.
            var client: String?
        }

        private static let ssl: [UInt8] = [1, 0, 0, 0, 0] + Proxied.tlv(0x21, Array("TLSv1.3".utf8))
        private static let unixPaths = [UInt8](repeating: 0x61, count: 216)
        private static let checked = Proxied.checked(
            Proxied.proxy, 0x11, Proxied.ipv4 + Proxied.tlv(0x01, [1, 2, 3]))

        static let accepted = [
            Accepted(description: "v1 TCP4", bytes: Proxied.client("192.0.2.1"), client: "192.0.2.1:4711"),
            Accepted(description: "v1 TCP6", bytes: Proxied.client("2001:db8::1"), client: "[2001:db8::1]:4711"),
            Accepted(
                description: "v1 mapped", bytes: Proxied.client("::ffff:192.0.2.1"), client: "192.0.2.1:4711"),
            Accepted(description: "v1 UNKNOWN", bytes: Proxied.v1("UNKNOWN")),
            Accepted(description: "v1 UNKNOWN with addresses", bytes: Proxied.v1("UNKNOWN 192.0.2.1 192.0.2.2 1 2")),
            Accepted(
                description: "v1 of 107 bytes", bytes: Proxied.v1("UNKNOWN " + String(repeating: "f", count: 91))),
            Accepted(
                description: "v2 IPv4", bytes: Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4), client: "192.0.2.1:4711"),
            Accepted(
                description: "v2 IPv6", bytes: Proxied.v2(Proxied.proxy, 0x21, Proxied.ipv6),
                client: "[2001:db8::1]:4711"),
            Accepted(
                description: "v2 with TLVs",
                bytes: Proxied.v2(
                    Proxied.proxy, 0x11,
                    Proxied.ipv4 + Proxied.tlv(0x20, ssl) + Proxied.tlv(0xea, [1]) + Proxied.tlv(4, [])),
                client: "192.0.2.1:4711"),
            Accepted(description: "v2 with a checksum", bytes: checked, client: "192.0.2.1:4711"),
            Accepted(description: "v2 LOCAL", bytes: Proxied.v2(Proxied.local, 0, [])),
            Accepted(description: "v2 LOCAL with addresses", bytes: Proxied.v2(Proxied.local, 0x11, Proxied.ipv4)),
            Accepted(description: "v2 UNSPEC", bytes: Proxied.v2(Proxied.proxy, 0, [])),
            Accepted(description: "v2 UNSPEC with a block", bytes: Proxied.v2(Proxied.proxy, 0, Proxied.ipv4)),
            Accepted(description: "v2 datagrams", bytes: Proxied.v2(Proxied.proxy, 0x12, Proxied.ipv4)),
            Accepted(description: "v2 Unix", bytes: Proxied.v2(Proxied.proxy, 0x31, unixPaths)),
        ]

        static let refused: [(String, [UInt8])] = [
            ("SMTP", Array(Dialogue.ehlo.utf8)), ("empty lines", [13, 10, 13, 10, 13, 10]), ("a NUL", [0]),
            ("a handshake", [22, 3, 1]), ("lower case", Array("proxy TCP4".utf8)),
            ("v1 with a leading zero", Proxied.v1("TCP4 192.0.2.1 192.0.2.2 04711 25")),
            ("v1 with a leading zero in the address", Proxied.v1("TCP4 192.0.2.01 192.0.2.2 4711 25")),
            ("v1 of 108 bytes", Proxied.v1("UNKNOWN " + String(repeating: "f", count: 92))),
            ("v1 with two blanks", Proxied.v1("TCP4  192.0.2.1 192.0.2.2 1 25")),
            ("v1 with a bare LF", Array("PROXY UNKNOWN\n".utf8)),
            ("v1 UDP4", Proxied.v1("UDP4 192.0.2.1 192.0.2.2 1 25")),
            ("v1 of two families", Proxied.v1("TCP4 192.0.2.1 2001:db8::2 1 25")),
            ("v2 version 1", Proxied.v2(0x11, 0x11, Proxied.ipv4)),
            ("v2 unknown command", Proxied.v2(0x22, 0x11, Proxied.ipv4)),
            ("v2 unknown family", Proxied.v2(Proxied.proxy, 0x41, Proxied.ipv4)),
            ("v2 short addresses", Proxied.v2(Proxied.proxy, 0x11, Array(Proxied.ipv4.dropLast()))),
            ("v2 TLV overrun", Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + [0xea, 0, 2, 1])),
            ("v2 half a TLV", Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + [0xea, 0])),
            ("v2 SSL overrun", Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + Proxied.tlv(0x20, ssl.dropLast()))),
            ("v2 wrong checksum", checked.dropLast() + [checked[checked.count - 1] ^ 1]),
            ("v2 too long", Proxied.signature + [Proxied.proxy, 0x11, 0xff, 0xff]),
        ]

        /// The upstream of a client that has said who it is, greets it.
        private func greet(_ relay: TestRelay, _ client: Peer) throws -> Peer {
            let upstream = try relay.upstream()
            try upstream.send(Dialogue.greeting)
            try client.expect(Dialogue.greeting)
            return upstream
        }

        // MARK: Taken

        @Test(arguments: accepted, [false, true]) func aHeaderIsTaken(_ header: Accepted, _ isSecure: Bool) throws {
            try withRelay(.behindProxy(isSecure ? .off : .offer) { if isSecure { $0.useImplicitTLS() } }) { relay in
                let client = try relay.client(behind: header.bytes)
                if isSecure { try client.secure(.only(.tls13)) }
                _ = try greet(relay, client)
                client.close()
                let record = try relay.record()
                let proxy = try #require(record["proxy"])
                #expect(proxy.hasPrefix("127.0.0.1:"))
                #expect(record["client"] == header.client ?? proxy)
                #expect(relay[.sessionsBadProxyHeader] == 0)
            }
        }

        /// Until the header is complete nobody is dialled, and nothing is said.
        @Test(arguments: [accepted[0], accepted[5], accepted[8], accepted[11]], [false, true])
        func howeverItIsCut(_ header: Accepted, _ isSecure: Bool) throws {
            try withRelay(.behindProxy(isSecure ? .off : .offer) { if isSecure { $0.useImplicitTLS() } }) { relay in
                for cut in 1..<header.bytes.count {
                    let client = try relay.client(behind: Array(header.bytes[..<cut]))
                    relay.settle()
                    #expect(try client.isQuiet && !relay.server.isCalled(withinMilliseconds: 0))
                    try client.sendRaw(Array(header.bytes[cut...]))
                    if isSecure { try client.secure(.only(.tls13)) }
                    try greet(relay, client).close()
                    client.close()
                    let record = try relay.record()
                    #expect(record["client"] == header.client ?? record["proxy"])
                }
            }
        }

        @Test func byteByByte() throws {
            try withRelay(.behindProxy()) { relay in
                let client = try relay.client()
                for byte in Self.accepted[8].bytes {
                    try client.sendRaw([byte])
                    relay.settle()
                }
                _ = try greet(relay, client)
            }
        }

        /// The proxy sends what it has: the client's first record may be in one piece with the header.
        @Test func theHandshakeMayComeWithTheHeader() throws {
            let header = Self.accepted[8].bytes
            let length = try Peer.clientHello(.only(.tls13)).count
            try withRelay(.behindProxy(.off) { $0.useImplicitTLS() }) { relay in
                for cut in [1, header.count, header.count + 1, header.count + 5, header.count + length - 1] {
                    for isWhole in [true, false] {
                        let client = try relay.client()
                        try client.secure(.only(.tls13)) { hello in
                            let bytes = header + hello
                            if isWhole { return try client.sendRaw(bytes) }
                            try client.sendRaw(Array(bytes[..<cut]))
                            relay.settle()
                            try client.sendRaw(Array(bytes[cut...]))
                        }
                        try greet(relay, client).close()
                        client.close()
                        #expect(try relay.record()["tls"] == "TLSv1.3")
                    }
                }
                // Bytes are counted without TLS framing, and those of the header are the client's.
                #expect(relay[.downstreamRxBytes] == UInt64(header.count * 10))
            }
        }

        @Test func whatIsNoHandshakeMayNot() throws {
            try withRelay(.behindProxy(.off) { $0.useImplicitTLS() }) { relay in
                let client = try relay.client(behind: Self.accepted[0].bytes + Array(Dialogue.ehlo.utf8))
                _ = try client.readToEnd()
                let record = try relay.record()
                #expect(record.end == "tls_failed by client" && record["tls_failure"] == "not_tls")
                #expect(try !relay.server.isCalled(withinMilliseconds: 0))
            }
        }

        // MARK: Refused

        @Test(arguments: refused, [false, true])
        func whatIsNoHeaderIsClosedWithoutAWord(_ refused: (String, [UInt8]), _ isSecure: Bool) throws {
            try withRelay(.behindProxy(isSecure ? .off : .offer) { if isSecure { $0.useImplicitTLS() } }) { relay in
                let client = try relay.client(behind: refused.1)
                try client.expectEnd()
                client.close()
                let record = try relay.record()
                #expect(record.end == "bad_proxy_header by client" && record.phase == "proxy_header", "\(refused.0)")
                #expect(record["proxy"] == nil && record["upstream"] == nil)
                #expect(relay[.sessionsBadProxyHeader] == 1 && relay[.sessions] == 1)
                #expect(relay[.downstreamTxBytes] == 0)
                #expect(try !relay.server.isCalled(withinMilliseconds: 0))
                _ = try relay.log.message("malformed PROXY header")
            }
        }

        @Test func whoIsNotTrustedIsNotHeard() throws {
            try withRelay(
                .behindProxy { $0.listener.proxyProtocol = .init(trusted: [.of("127.0.0.2"), .of("::1")]) }
            ) { relay in
                let client = try relay.client()
                try client.expectEnd()
                #expect(relay[.sessionsProxyUntrusted] == 1)
                #expect(relay[.sessions] == 0 && relay[.downstreamCxTotal] == 1)
            }
        }

        /// Where no header is expected, one is a bad greeting.
        @Test func aHeaderIsNeverGuessed() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.sendRaw(Self.accepted[0].bytes)
                try dialogue.isTurnedAway("503 5.5.1 Bad sequence of commands", "bad_sequence by client")
            }
        }
    }
}
