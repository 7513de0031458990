import Policy
import Ring
import Telemetry
import Testing
import Wire

/// The order of the checks, and what each answer leads to.
@Suite struct StageGateTests {
    /// Answers with what it was given, and notes that it was asked.
    private final class Scripted: Check {
        let name: String
        let stages: Stages
        let verdict: Verdict
        var asked: [Stage] = []

        init(_ name: String, _ stages: Stages, _ verdict: Verdict) {
            self.name = name
            self.stages = stages
            self.verdict = verdict
        }

        func check(_ stage: Stage, _ facts: SessionFacts) async -> Verdict {
            asked.append(stage)
            return verdict
        }
    }

    private static let facts = SessionFacts(
        id: SessionID(shard: 0, time: UTCTime(unixMilliseconds: 0), counter: 0), listener: "mx",
        client: .loopback(port: 1))
    private static let no = LocalReply(code: 550, status: EnhancedStatus(5, 7, 1)!, text: "No")!

    @Test func withoutChecksEverythingIsWelcome() async {
        let gate = StageGate([])
        for stage in Stage.allCases { #expect(await gate.check(stage, Self.facts()) == .accept) }
    }
}
