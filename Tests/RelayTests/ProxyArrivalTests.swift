import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What comes with a PROXY header, behind it, or instead of it, and when.
    @Suite struct ProxyArrivalTests {
        static let header = Proxied.client("192.0.2.1")

        // MARK: In time

        @Test func thereAreFiveSeconds() {
            #expect(ListenerSettings.Timeouts().proxyHeader == .seconds(5))
        }

        @Test(arguments: ["", "PROXY TCP4 192.0.2.1", "\r\n\r\n\0"]) func aHeaderThatDoesNotCome(_ start: String) throws
        {
            try withRelay(.behindProxy { $0.timeouts.proxyHeader = .milliseconds(200) }) { relay in
                let client = try relay.client(behind: Array(start.utf8))
                try client.expectEnd()
                client.close()
                let record = try relay.record()
                #expect(record.end == "proxy_header_timeout by client" && record.phase == "proxy_header")
                #expect(relay[.sessionsBadProxyHeader] == 1)
            }
        }

        /// Byte after byte does not buy time.
        @Test func aHeaderThatDrips() throws {
            try withRelay(.behindProxy { $0.timeouts.proxyHeader = .milliseconds(300) }) { relay in
                let client = try relay.client(behind: Array("PROXY UNKNOWN ".utf8))
                var sent = 0
                while !client.hasInput(withinMilliseconds: 10), sent < 90 {
                    try? client.send("x")
                    sent += 1
                }
                client.close()
                #expect(try relay.record().end == "proxy_header_timeout by client")
            }
        }

        /// The time for the header is over with the header; then those of the dialogue hold.
        @Test func aHeaderAndThenSilence() throws {
            try withRelay(
                .behindProxy { setup in
                    setup.timeouts.proxyHeader = .milliseconds(400)
                    setup.timeouts.command = .milliseconds(300)
                }
            ) { relay in
                let client = try relay.client(behind: Self.header)
                let upstream = try relay.upstream()
                #expect(!client.hasInput(withinMilliseconds: 450))
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                #expect(try client.line().hasPrefix("421 4.4.2 Idle timeout"))
                try client.expectEnd()
                client.close()
                #expect(try relay.record().end == "command_timeout by client")
            }
        }

        @Test(arguments: [true, false]) func whoLeavesWithoutAHeader(_ isInOrder: Bool) throws {
            try withRelay(.behindProxy()) { relay in
                let client = try relay.client(behind: Array("PROXY ".utf8))
                relay.settle()
                if isInOrder { client.close() } else { client.reset() }
                let record = try relay.record()
                #expect(record.end == (isInOrder ? "client_closed by client" : "client_reset by client"))
                #expect(relay[.sessionsBadProxyHeader] == 0)
            }
        }

        @Test func aDrainDoesNotWaitForHeaders() throws {
            try withRelay(.behindProxy()) { relay in
                let client = try relay.client(behind: Array("PROXY ".utf8))
                relay.settle()
                relay.beginDrain(deadline: .seconds(60))
                try client.expectEnd()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        // MARK: Too early

        /// A client that has not waited for the greeting, whoever greets.
        @Test(
            arguments: [ListenerSettings.Dial.onAccept, .afterTLS], ["E", Dialogue.ehlo, Dialogue.ehlo + "QUIT\r\n"])
        func bytesBehindTheHeader(_ dial: ListenerSettings.Dial, _ bytes: String) throws {
            try withRelay(.behindProxy { $0.listener.dial = dial }) { relay in
                let client = try relay.client(behind: Self.header + Array(bytes.utf8))
                try client.expectEnd()
                client.close()
                let record = try relay.record()
                #expect(record.end == "client_desync by client" && record.phase == "greeting")
                #expect(record["client"] == "192.0.2.1:4711")
                #expect(relay[.sessionsDownstreamDesync] == 1 && relay[.earlyDataReceivedCountTotal] == 1)
                #expect(relay[.upstreamTxBytes] == 0)
            }
        }

        /// A second header is no greeting either.
        @Test func aSecondHeader() throws {
            try withRelay(.behindProxy()) { relay in
                let client = try relay.client(behind: Self.header + Self.header)
                try client.expectEnd()
                #expect(try relay.record().end == "client_desync by client")
            }
        }

        // MARK: Limits

        private func limited(_ change: (inout SessionLimits.Values) -> Void) -> Setup {
            .behindProxy { change(&$0.limits) }
        }

        private func isRefused(_ relay: TestRelay, _ header: [UInt8]) throws {
            let client = try relay.client(behind: header)
            #expect(try client.line().hasPrefix("421 4.7.0 Too many sessions from your address ["))
            try client.expectEnd()
            client.close()
            #expect(try relay.record().end == "refused_address by mailrace")
        }

        private func isServed(_ relay: TestRelay, _ header: [UInt8]) throws -> Peer {
            let client = try relay.client(behind: header)
            try relay.upstream().send(Dialogue.greeting)
            try client.expect(Dialogue.greeting)
            return client
        }

        /// The proxy's own address is everybody's.
        @Test func theAddressInTheHeaderCounts() throws {
            try withRelay(limited { $0.sessionsPerAddressMax = 1 }) { relay in
                let first = try isServed(relay, Proxied.client("192.0.2.1"))
                _ = try isServed(relay, Proxied.client("192.0.2.2"))
                try isRefused(relay, Proxied.client("192.0.2.1"))
                try isRefused(relay, Proxied.client("::ffff:192.0.2.1"))
                #expect(relay[.sessionsRefusedAddress] == 2)
                first.close()
                _ = try relay.record()
                _ = try isServed(relay, Proxied.client("::ffff:192.0.2.1"))
                // A header that tells of nobody is the proxy's.
                _ = try isServed(relay, Proxied.v1("UNKNOWN"))
                try isRefused(relay, Proxied.v2(Proxied.local, 0x11, Proxied.ipv4))
            }
        }

        @Test func theWholeOfAnIPv6NetworkCounts() throws {
            try withRelay(limited { $0.sessionsPerAddressMax = 1 }) { relay in
                _ = try isServed(relay, Proxied.client("2001:db8:1:2::1"))
                try isRefused(relay, Proxied.client("2001:db8:1:2:ffff:ffff:ffff:ffff"))
                _ = try isServed(relay, Proxied.client("2001:db8:1:3::1"))
                _ = try isServed(relay, Proxied.client("2001:db8:1:1:ffff::1"))
            }
        }

        @Test func exemptAreClientsAndNotTheirProxy() throws {
            try withRelay(
                limited {
                    $0.sessionsPerAddressMax = 1
                    $0.exempt = [.of("127.0.0.0/8"), .of("192.0.2.0/25"), .of("2001:db8::/48")]
                }
            ) { relay in
                for client in ["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:1::2"] {
                    _ = try isServed(relay, Proxied.client(client))
                }
                for _ in 0..<3 { _ = try isServed(relay, Proxied.v1("UNKNOWN")) }
                _ = try isServed(relay, Proxied.client("192.0.2.129"))
                try isRefused(relay, Proxied.client("192.0.2.129"))
            }
        }

        /// Where TLS is due, nobody would understand a reply.
        @Test func insteadOfAHandshakeThereIsSilence() throws {
            try withRelay(
                .behindProxy(.off) { setup in
                    setup.useImplicitTLS()
                    setup.limits.sessionsPerAddressMax = 1
                }
            ) { relay in
                let first = try relay.client(behind: Self.header)
                try first.secure(.only(.tls13))
                let second = try relay.client(behind: Self.header)
                try second.expectEnd()
                second.close()
                #expect(try relay.record().end == "refused_address by mailrace")
                #expect(relay[.sessionsRefusedAddress] == 1)
            }
        }
    }
}
