import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Which of the upstream's servers a session gets.
    @Suite struct UpstreamOrderTests {
        static let unavailable = "421 4.3.2 Service not available ["

        @Test func theFirstThatAnswers() throws {
            let second = try LoopbackServer()
            let closed = try LoopbackServer.closedAddress()
            try withRelay(Setup { $0.use([closed, second.address, closed]) }) { relay in
                let client = try relay.client()
                let upstream = relay.remembered(try second.accept())
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                _ = try relay.log.message("upstream server not reachable")
                client.close()
                #expect(try relay.record()["upstream"] == "\(second.address)")
                #expect(relay[.sessionsUpstreamConnectFail] == 0)
            }
        }

        @Test func oneThatHangsIsGivenUpInTime() throws {
            let (full, filler) = try LoopbackServer.full()
            let second = try LoopbackServer()
            try withRelay(
                Setup { setup in
                    setup.use([full.address, second.address])
                    setup.upstream.connectTimeout = .milliseconds(200)
                }
            ) { relay in
                let client = try relay.client()
                let upstream = relay.remembered(try second.accept())
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                #expect(try relay.log.message("upstream server not reachable").contains("timed out"))
            }
            filler.close()
        }

        @Test func whereNoneAnswersTheClientIsTold() throws {
            let closed = try (0..<3).map { _ in try LoopbackServer.closedAddress() }
            try withRelay(Setup { $0.use(closed) }) { relay in
                let client = try relay.client()
                #expect(try client.line().hasPrefix(Self.unavailable))
                try client.expectEnd()
                client.close()
                let record = try relay.record()
                #expect(record.end == "upstream_unreachable by upstream")
                #expect(record.phase == "connect")
                #expect(record["upstream"] == nil)
                #expect(relay[.sessionsUpstreamConnectFail] == 1)
            }
        }

        @Test func aClientThatLeavesMeanwhileLeavesNothing() throws {
            let (full, filler) = try LoopbackServer.full()
            try withRelay(
                Setup { setup in
                    setup.use([full.address])
                    setup.upstream.connectTimeout = .milliseconds(200)
                }
            ) { relay in
                for leave in [Peer.reset, Peer.finishRaw, Peer.close] {
                    let client = try relay.client()
                    relay.settle()
                    leave(client)()
                    #expect(try relay.record().end == "upstream_unreachable by upstream")
                }
            }
            filler.close()
        }
    }
}
