import CTestHeap
import Ring
import Telemetry
import TestSupport
import Testing

@testable import Relay

extension RelaySuites {
    /// What is left of many sessions: nothing. In a process of its own, where nobody else takes memory and descriptors.
    @Suite struct LeakTests {
        @Test func nothingIsLeftOfTwoThousandSessions() async {
            await #expect(processExitsWith: .success) {
                try withRelay(Setup { $0.logLevel = .error }) { relay in
                    for number in 0..<800 { try Life.all[number % Life.all.count].live(relay) }
                    try relay.clear()
                    let before = Holdings()
                    for number in 0..<2000 {
                        try Life.all[number % Life.all.count].live(relay)
                        if number % 100 == 99 { try relay.clear() }
                    }
                    let after = Holdings()
                    #expect(relay[.sessions] == 2800)
                    #expect(after.descriptors == before.descriptors)
                    #expect(after.heapBytes < before.heapBytes + 64 << 10)
                }
            }
        }

        @Test func aSessionNeverLeavesItsShard() throws {
            try withRelay { relay in
                // The suites' own way to ask is a message, which is no job.
                let before = relay.shard.executor.foreignJobs
                for life in Life.all { try life.live(relay) }
                try relay.clear()
                #expect(relay.shard.executor.foreignJobs == before)
            }
        }
    }
}

/// What a process holds.
private struct Holdings {
    let heapBytes = ctestheap_bytes_in_use()
    let descriptors = Descriptors.count
}

/// One way in which a session may go, from its beginning to its end.
private enum Life: CaseIterable {
    case plaintext, tls12, tls13, clientResets, upstreamResets, handshakeFails, desync, badReply

    static let all = allCases

    func live(_ relay: TestRelay) throws {
        switch self {
        case .plaintext: try deliver(Dialogue(relay, upTo: .ehloAnswered))
        case .tls12: try deliver(Dialogue(relay, upTo: .ehloAnsweredAgain, .tls12))
        case .tls13: try deliver(Dialogue(relay, upTo: .ehloAnsweredAgain, .tls13))
        case .clientResets: try Dialogue(relay, upTo: .terminatorBegun, .tls13).client.reset()
        case .upstreamResets: try Dialogue(relay, upTo: .secured, .tls13).upstream.reset()
        case .handshakeFails:
            let dialogue = try Dialogue(relay, upTo: .readyForTLS, .tls13)
            try dialogue.client.send("no handshake\r\n")
        case .desync: try Dialogue(relay, upTo: .connected).client.send("early\r\n")
        case .badReply: try Dialogue(relay, upTo: .connected).upstream.send("what?\r\n")
        }
    }

    private func deliver(_ dialogue: Dialogue) throws {
        try dialogue.deliver(Array("Subject: x\r\n\r\ntext\r\n.\r\n".utf8))
        try dialogue.quit()
    }
}
