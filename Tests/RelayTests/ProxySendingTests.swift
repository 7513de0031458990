import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What the upstream is told of the client before anything else.
    @Suite struct ProxySendingTests {
        static func setup(
            _ version: OutgoingProxyHeader.Version, _ change: (inout OutgoingProxyHeader) -> Void = { _ in }
        ) -> Setup {
            var header = OutgoingProxyHeader(version: version)
            change(&header)
            return .behindProxy { $0.upstream.proxyHeader = header }
        }

        // MARK: Addresses

        /// What the proxy in front says, and what is said in its turn: version 1, and version 2 after its signature.
        static let addresses: [(String, [UInt8], String, [UInt8])] = [
            (
                "IPv4", Proxied.client("192.0.2.1"), "PROXY TCP4 192.0.2.1 198.51.100.2 4711 25",
                [0x21, 0x11, 0, 12] + Proxied.ipv4
            ),
            (
                "IPv6", Proxied.client("2001:db8::1"), "PROXY TCP6 2001:db8::1 2001:db8::2 4711 25",
                [0x21, 0x21, 0, 36] + Proxied.ipv6
            ),
            (
                "mapped", Proxied.v1("TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 4711 25"),
                "PROXY TCP4 192.0.2.1 198.51.100.2 4711 25", [0x21, 0x11, 0, 12] + Proxied.ipv4
            ),
            (
                "mixed", Proxied.client("::ffff:192.0.2.1"), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4711 25",
                [0x21, 0x21, 0, 36] + Proxied.mixed
            ),
        ]

        @Test(arguments: addresses) func areTold(_ fixture: (String, [UInt8], String, [UInt8])) throws {
            try withRelay(Self.setup(.v1)) { relay in
                let client = try relay.client(behind: fixture.1)
                let upstream = try relay.upstream()
                #expect(try upstream.proxyLine() == fixture.2)
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                // Once, and nothing more.
                try client.send(Dialogue.ehlo)
                try upstream.expect(Dialogue.ehlo)
            }
            try withRelay(Self.setup(.v2)) { relay in
                _ = try relay.client(behind: fixture.1)
                #expect(try relay.upstream().proxyHeader().bytes == Proxied.signature + fixture.3)
            }
        }

        /// Without a header of its own a client is who the kernel says.
        @Test(arguments: ["127.0.0.1", "::1", "::"]) func ofAClientThatCameItself(_ host: String) throws {
            let octets = try #require(IPAddress(host)).octets
            var setup = Setup()
            setup.address = SocketAddress(octets: octets, port: 0)
            setup.upstream.proxyHeader = OutgoingProxyHeader(version: .v1)
            try withRelay(setup) { relay in
                // A socket for both families meets IPv4 clients with mapped addresses.
                let isIPv6 = host == "::1"
                let address = isIPv6 ? relay.address : .loopback(port: relay.address.port)
                let client = relay.remembered(try Peer(to: address))
                let line = try relay.upstream().proxyLine()
                client.close()
                let port = try #require(relay.record()["client"]?.split(separator: ":").last)
                let (family, own) = isIPv6 ? ("TCP6", "::1") : ("TCP4", "127.0.0.1")
                #expect(line == "PROXY \(family) \(own) \(own) \(port) \(relay.address.port)")
            }
        }

        @Test func ofAClientOnAUnixSocket() throws {
            for version in [OutgoingProxyHeader.Version.v1, .v2] {
                var setup = Setup()
                setup.address = try #require(SocketAddress(unix: "/tmp/mailrace-test-\(UInt32.random(in: 0...(.max)))"))
                setup.upstream.proxyHeader = OutgoingProxyHeader(version: version)
                try withRelay(setup) { relay in
                    let client = relay.remembered(try Peer(to: relay.address))
                    let upstream = try relay.upstream()
                    if version == .v1 {
                        #expect(try upstream.proxyLine() == "PROXY UNKNOWN")
                    } else {
                        #expect(try upstream.proxyHeader().bytes == Proxied.v2(Proxied.local, 0, []))
                    }
                    try upstream.send(Dialogue.greeting)
                    try client.expect(Dialogue.greeting)
                }
            }
        }

        /// A header that tells of nobody leaves the connection's own ends.
        @Test func ofAProxyThatTellsNothing() throws {
            try withRelay(Self.setup(.v1)) { relay in
                let client = try relay.client(behind: Proxied.v2(Proxied.local, 0x11, Proxied.ipv4))
                let line = try relay.upstream().proxyLine()
                client.close()
                let port = try #require(relay.record()["client"]?.split(separator: ":").last)
                #expect(line == "PROXY TCP4 127.0.0.1 127.0.0.1 \(port) \(relay.address.port)")
            }
        }

        // MARK: TLVs that are passed on, and added

        private static let given = Proxied.v2(
            Proxied.proxy, 0x11,
            Proxied.ipv4 + Proxied.tlv(0x01, [0x68, 0x32]) + Proxied.tlv(0xea, [1]) + Proxied.tlv(0xe0, [])
                + Proxied.tlv(0x04, [0, 0]) + Proxied.tlv(0x05, [9]) + Proxied.tlv(0xea, [2]))

        private func sent(_ change: @escaping (inout OutgoingProxyHeader) -> Void) throws -> [UInt8] {
            var bytes: [UInt8] = []
            try withRelay(Self.setup(.v2, change)) { relay in
                _ = try relay.client(behind: Self.given)
                bytes = try relay.upstream().proxyHeader().bytes
            }
            return bytes
        }

        @Test func noneAllOrListed() throws {
            #expect(try sent { _ in } == Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4))
            let all =
                Proxied.tlv(0x01, [0x68, 0x32]) + Proxied.tlv(0xea, [1]) + Proxied.tlv(0xe0, [])
                + Proxied.tlv(0x05, [9]) + Proxied.tlv(0xea, [2])
            #expect(try sent { $0.passedOn = .all } == Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + all))
            let listed = Proxied.tlv(0xea, [1]) + Proxied.tlv(0xea, [2])
            let kinds: Set = [ProxyTLV.Kind(rawValue: 0xea), .authority]
            #expect(
                try sent { $0.passedOn = .listed(kinds) } == Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + listed))
        }

        /// Ours win over those of the same type.
        @Test func fixedOnesWin() throws {
            let fixed = [ProxyTLV(.init(rawValue: 0xea), [7, 7]), ProxyTLV(.init(rawValue: 0xe1), [8])]
            let tlvs =
                Proxied.tlv(0xea, [7, 7]) + Proxied.tlv(0xe1, [8])
                + Proxied.tlv(0x01, [0x68, 0x32]) + Proxied.tlv(0xe0, []) + Proxied.tlv(0x05, [9])
            let bytes = try sent {
                $0.passedOn = .all
                $0.fixed = fixed
            }
            #expect(bytes == Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + tlvs))
        }

        @Test func theSessionsIdIsTheOneInTheLog() throws {
            try withRelay(
                Self.setup(.v2) {
                    $0.addsUniqueID = true
                    $0.passedOn = .all
                }
            ) { relay in
                let client = try relay.client(behind: Self.given)
                let header = try relay.upstream().proxyHeader().header
                client.close()
                let session = try #require(relay.record()["session"])
                #expect(header.tlvs.filter { $0.kind == .uniqueID }.map(\.value) == [Array(session.utf8)])
            }
        }

        @Test func aChecksumEndsTheHeader() throws {
            let bytes = try sent { $0.addsChecksum = true }
            #expect(bytes == Proxied.checked(Proxied.proxy, 0x11, Proxied.ipv4))
        }

        @Test func whatDoesNotFitIsLeftOutAndSaid() throws {
            try withRelay(
                Self.setup(.v2) {
                    $0.fixed = [
                        ProxyTLV(.init(rawValue: 0xe0), [UInt8](repeating: 1, count: 5000)), ProxyTLV(.alpn, [1]),
                    ]
                }
            ) { relay in
                _ = try relay.client(behind: Self.given)
                let bytes = try relay.upstream().proxyHeader().bytes
                #expect(bytes == Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + Proxied.tlv(0x01, [1])))
                #expect(try relay.log.message("PROXY header too long").contains("\"dropped\":\"1\""))
            }
        }

        // MARK: With the upstream's TLS

        @Test func theHeaderComesBeforeTheUpstreamsTLS() throws {
            try withRelay(.upstreamTLS(.implicit) { $0.upstream.proxyHeader = OutgoingProxyHeader(version: .v1) }) {
                relay in
                let client = try relay.client()
                let upstream = try relay.upstream()
                #expect(try upstream.proxyLine().hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
                try upstream.secureAsServer(TLSServerContext(.upstream()))
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
            }
        }

        /// Each connection has its own: the one that opportunistic TLS begins anew, too.
        @Test func aSecondConnectionHasItsHeaderToo() throws {
            try withRelay(.upstreamTLS(.opportunistic) { $0.upstream.proxyHeader = OutgoingProxyHeader(version: .v1) })
            { relay in
                let client = try relay.client()
                let upstream = try relay.upstream()
                let line = try upstream.proxyLine()
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                try client.send(Dialogue.ehlo)
                try upstream.offerTLS()
                try upstream.send(Dialogue.goAhead)
                relay.settle()
                upstream.close()
                #expect(try relay.upstream().proxyLine() == line)
            }
        }
    }
}
