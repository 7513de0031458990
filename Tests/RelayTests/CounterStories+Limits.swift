import Glibc
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

/// Limits, PROXY headers, and what slows a session down.
extension CounterStories {
    static let ofLimits: [Counter: Pair] = [
        .sessionsRefusedAddress: (
            twoClients { $0.sessionsPerAddressMax = 1 }, 1, twoClients { $0.sessionsPerAddressMax = 2 }
        ),
        .sessionsRefusedRate: (
            twoClients { $0.acceptsPerAddressMax = 1 }, 1, twoClients { $0.acceptsPerAddressMax = 2 }
        ),
        .sessionsProxyUntrusted: (
            behindProxy("192.0.2.0/24") { try $0.client().expectEnd() }, 1,
            behindProxy("127.0.0.0/8") { try $0.client().send("PROXY UNKNOWN\r\n") }
        ),
        .sessionsBadProxyHeader: (
            behindProxy("127.0.0.0/8") { relay in
                let client = try relay.client()
                try client.send("EHLO client.example\r\n")
                _ = try? client.readToEnd()
            }, 1,
            behindProxy("127.0.0.0/8") { relay in
                try relay.client().send("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n")
                try relay.upstream().close()
            }
        ),
        .v2TLVsExceedMaxLength: (tellingUpstream(tlvs: 2), 1, tellingUpstream(tlvs: 1)),
        .sessionsSessionTimeout: (
            Story(waitingAt: .mailAnswered) { $0.timeouts.session = $1 }, 1,
            Story(waitingAt: .mailAnswered) { $0.timeouts.passthroughIdle = $1 }
        ),
        .sessionsTooSlow: (
            Story(waitingAt: .mailAnswered) { $0.listener.minimumRate = .init(bytes: 1_000_000, period: $1) }, 1,
            Story(Setup { $0.listener.minimumRate = .init(bytes: 1, period: .seconds(60)) }) { relay in
                try Dialogue(relay, upTo: .mailAnswered).quit()
            }
        ),
        .downstreamCxTotal: (Story { _ = try Dialogue($0, upTo: .connected) }, 1, Story { _ in }),
        .flowControlPausedReadingTotal: (slowReader, 1, clientSays("NOOP\r\n", at: .mailAnswered)),
        .flowControlResumedReadingTotal: (slowReader, 1, clientSays("NOOP\r\n", at: .mailAnswered)),
        .earlyDataReceivedCountTotal: (
            clientSays(Dialogue.ehlo, at: .connected), 1, clientSays(Dialogue.ehlo, at: .greeted)
        ),
        .splicedBytes: (largeFlow(.plaintext), UInt64(largePiece.count), largeFlow(.tls13)),
        .upstreamFlushTotal: (
            Story { relay in
                let dialogue = try Dialogue(relay, upTo: .dataAnswered, .tls13)
                // The last bytes and the notice that they are the last come in one piece.
                try dialogue.client.finish(saying: Array(Dialogue.halfBody.utf8))
                try dialogue.upstream.expect(Dialogue.halfBody)
                try dialogue.upstream.expectEnd()
            }, 1,
            Story { try Dialogue($0, upTo: .dataAnswered, .tls13).client.finish() }
        ),
    ]

    /// Two clients of one address, the second of which may be refused.
    private static func twoClients(_ limit: (inout SessionLimits.Values) -> Void) -> Story {
        var setup = Setup()
        limit(&setup.limits)
        return Story(setup) { relay in
            _ = try Dialogue(relay, upTo: .greeted)
            let second = try relay.client()
            // Refused, or passed on to an upstream that says nothing.
            relay.settle()
            second.finishRaw()
            _ = try second.readToEnd()
        }
    }

    private static func behindProxy(
        _ trusted: String, _ tell: @escaping @Sendable (TestRelay) throws -> Void
    ) -> Story {
        let network = try? IPNetwork(trusted)
        return Story(
            Setup { setup in
                setup.listener.proxyProtocol = .init(trusted: network.map { [$0] } ?? [])
            }, tell)
    }

    /// TLVs that take most of what a header may hold, each.
    private static func tellingUpstream(tlvs count: UInt8) -> Story {
        Story(
            Setup { setup in
                var header = OutgoingProxyHeader(version: .v2)
                header.fixed = (0..<count).map {
                    ProxyTLV(
                        ProxyTLV.Kind(rawValue: 0xe0 + $0),
                        [UInt8](repeating: 0, count: ProxyHeader.binaryLimitBytes * 2 / 3))
                }
                setup.upstream.proxyHeader = header
            }
        ) { relay in
            _ = try relay.client()
            try relay.upstream().close()
        }
    }

    /// As much as a receive of the relay takes.
    private static let largePiece = [UInt8](repeating: UInt8(ascii: "x"), count: 8192)

    /// A client sends, piece by piece, what makes a flow large, and one piece more.
    private static func largeFlow(_ security: Security) -> Story {
        Story { relay in
            let dialogue = try Dialogue(relay, upTo: .dataAnswered, security)
            for _ in 0...(256 << 10) / largePiece.count {
                try dialogue.client.send(largePiece)
                try dialogue.upstream.expect(largePiece)
                relay.settle()
            }
            dialogue.upstream.reset()
        }
    }

    /// The upstream reads nothing, until it leaves.
    private static let slowReader = Story { relay in
        let dialogue = try Dialogue(relay, upTo: .dataAnswered)
        while relay[.flowControlPausedReadingTotal] == 0 {
            try dialogue.client.sendWhatFits([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
            relay.settle()
        }
        dialogue.upstream.reset()
    }
}
