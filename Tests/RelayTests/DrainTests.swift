import Glibc
import Relay
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Ring

extension RelaySuites {
    /// The end of the process: a word to those who can hear it, time for the others.
    @Suite struct DrainTests {
        static let text = "421 4.3.2 Service shutting down ["

        static let beforeTheHandOff = Moment.all.filter { !$0.isHandedOff && $0.point != .readyForTLS }
        static let afterTheHandOff = Moment.all.filter(\.isHandedOff)

        @Test(arguments: beforeTheHandOff) func beforeTheHandOffTheClientIsTold(_ moment: Moment) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: moment.point, moment.security)
                relay.beginDrain(deadline: .seconds(60))
                let line = try dialogue.client.line()
                #expect(line.hasPrefix(Self.text))
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                dialogue.client.close()
                relay.drained()
                let record = try relay.record()
                #expect(record.end == "drained by mailrace")
                #expect(record.phase == moment.point.phase(moment.security))
                #expect(relay[.sessionsDrained] == 1)
            }
        }

        @Test func aHandshakeIsFinishedFirst() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .readyForTLS, .tls13)
                relay.beginDrain(deadline: .seconds(60))
                try dialogue.secure()
                #expect(try dialogue.client.line().hasPrefix(Self.text))
                try dialogue.client.expectEnd()
                dialogue.client.close()
                relay.drained()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        @Test func aHandshakeThatStallsEndsAtTheDeadline() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .readyForTLS, .tls13)
                relay.beginDrain(deadline: .milliseconds(100))
                try dialogue.client.expectEnd()
                relay.drained()
                #expect(try relay.record().end == "drained by mailrace")
                #expect(relay[.sessionsDrained] == 1)
            }
        }

        @Test(arguments: afterTheHandOff) func afterTheHandOffBothSidesEndAtTheDeadline(_ moment: Moment) throws {
            try inLittleTime { short in
                var wasThere = false
                try withRelay { relay in
                    let dialogue = try Dialogue(relay, upTo: moment.point, moment.security)
                    relay.beginDrain(deadline: short)
                    wasThere = (try? dialogue.exchange("still here", "me too")) != nil
                    guard wasThere else { return }
                    try dialogue.client.expectEnd()
                    try dialogue.upstream.expectEnd()
                    #expect(!dialogue.client.wasNotified)
                    relay.drained()
                    let record = try relay.record()
                    #expect(record.end == "drained by mailrace")
                    #expect(record.phase == "passthrough")
                    #expect(relay[.sessionsDrained] == 1)
                }
                return wasThere
            }
        }

        @Test(arguments: [Security.plaintext, .tls13]) func aSessionThatEndsInTimeEndsTheDrain(_ security: Security)
            throws
        {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered, security)
                relay.beginDrain(deadline: .seconds(3600))
                try dialogue.quit()
                relay.drained()
                #expect(try relay.record().end == "completed by upstream")
                #expect(relay[.sessionsDrained] == 0)
            }
        }

        @Test func aDrainOfNobodyIsOverAtOnce() throws {
            try withRelay { relay in
                relay.beginDrain(deadline: .seconds(3600))
                relay.drained()
            }
        }

        @Test func whoArrivesDuringADrainIsTold() throws {
            try withRelay { relay in
                let early = try Dialogue(relay, upTo: .mailAnswered)
                relay.beginDrain(deadline: .seconds(3600))
                // As from another shard that had accepted it before.
                let late = try relay.client()
                #expect(try late.line().hasPrefix(Self.text))
                try late.expectEnd()
                late.close()
                try early.quit()
                relay.drained()
            }
        }

        @Test func aConnectionBeingOpenedIsGivenUpAtOnce() throws {
            let (server, filler) = try LoopbackServer.full()
            defer { filler.close() }
            try withRelay(
                Setup { setup in
                    setup.use([server.address, server.address])
                    setup.upstream.connectTimeout = .seconds(3600)
                }
            ) { relay in
                let client = try relay.client()
                relay.settle()
                relay.beginDrain(deadline: .seconds(60))
                #expect(try client.line().hasPrefix(Self.text))
                try client.expectEnd()
                client.close()
                relay.drained()
                let record = try relay.record()
                #expect(record.end == "drained by mailrace")
                #expect(record.phase == "connect")
                #expect(relay[.sessionsUpstreamConnectFail] == 0)
            }
        }

        /// No turn is slow. What the machine does beside may spoil the measure: then it is tried again.
        @Test func aThousandSessionsDrainInSlices() throws {
            var attempts = 1
            while try !drainsAThousandSessionsQuickly() {
                try #require(attempts < 5, "slow each time")
                attempts += 1
            }
        }

        private func drainsAThousandSessionsQuickly() throws -> Bool {
            var isQuick = true
            try withRelay(Setup { $0.logLevel = .error }) { relay in
                var dialogues: [Dialogue] = []
                for number in 0..<1000 {
                    dialogues.append(try Dialogue(relay, upTo: number % 2 == 0 ? .greeted : .ehloAnswered))
                }
                let turns = TurnWatch(relay.shard)
                relay.beginDrain(deadline: .seconds(60))
                for dialogue in dialogues {
                    #expect(try dialogue.client.line().hasPrefix(Self.text))
                    dialogue.client.close()
                }
                relay.drained()
                isQuick = turns.end() < Shard.slowTurnNanoseconds
                #expect(relay[.sessionsDrained] == 1000)
            }
            return isQuick || isEmulated
        }
    }
}

/// Measures the turns of a shard, but for the time in which its thread could have run and had no processor.
private final class TurnWatch: Sendable {
    private let isOver = Atomic(false)
    private let longest = Atomic<UInt64>(0)

    init(_ shard: Shard) {
        shard.sync { [self] shard in
            shard.spawn {
                let queue = ProcessorQueue()
                var last = Instant.current().nanoseconds - queue.waitedNanoseconds
                while !self.isOver.load(ordering: .relaxed) {
                    // Once a turn.
                    await Task.yield()
                    let now = Instant.current().nanoseconds - queue.waitedNanoseconds
                    self.longest.max(now - min(now, last), ordering: .relaxed)
                    last = now
                }
            }
        }
    }

    /// Ends it, and gives the nanoseconds of the longest turn.
    func end() -> UInt64 {
        isOver.store(true, ordering: .relaxed)
        return longest.load(ordering: .relaxed)
    }
}
