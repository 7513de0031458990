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

    private static let no = LocalReply(code: 550, status: EnhancedStatus(5, 7, 1)!, text: "No")!

    @Test func withoutChecksEverythingIsWelcome() async {
        let gate = StageGate([])
        for stage in Stage.allCases { #expect(await gate.check(stage, sessionFacts()) == .accept) }
    }

    @Test func aCheckIsAskedWhereItWantsToBe() async {
        let check = Scripted("a", [.connect, .mail], .accept)
        let gate = StageGate([StageGate.Entry(check)])
        for stage in Stage.allCases { #expect(await gate.check(stage, sessionFacts()) == .accept) }
        #expect(check.asked == [.connect, .mail])
        #expect(gate.stages == [.connect, .mail])
    }

    @Test func theFirstRefusalDecides() async {
        let first = Scripted("first", [.rcpt], .accept)
        let second = Scripted("second", [.rcpt], .refuse(Self.no))
        let third = Scripted("third", [.rcpt], .accept)
        let gate = StageGate([first, second, third].map { StageGate.Entry($0) })
        #expect(await gate.check(.rcpt, sessionFacts()) == .refuse(Self.no, by: "second"))
        #expect(first.asked == [.rcpt])
        #expect(third.asked.isEmpty)
    }

    @Test func silenceIsATemporaryRefusal() async {
        let gate = StageGate([StageGate.Entry(Scripted("a", [.data], .unavailable))])
        guard case .unavailable(let reply, by: "a") = await gate.check(.data, sessionFacts()) else {
            Issue.record("accepted")
            return
        }
        #expect(reply.code == 451)
    }

    @Test func silenceMayCountForNothing() async {
        let gate = StageGate([
            StageGate.Entry(Scripted("a", [.data], .unavailable), ifUnavailable: .accept),
            StageGate.Entry(Scripted("b", [.data], .refuse(Self.no))),
        ])
        #expect(await gate.check(.data, sessionFacts()) == .refuse(Self.no, by: "b"))
    }

    @Test func stagesComeInTheirOrder() {
        #expect(Stage.allCases == Stage.allCases.sorted())
        #expect(Stage.connect < .mail)
        #expect(!Stages([.mail]).contains(.rcpt))
        #expect(Stage.allCases.allSatisfy { Stages(rawValue: .max).contains($0) })
    }

    @Test func aTransactionIsForgotten() {
        let facts = sessionFacts()
        let path = EnvelopePath(command: Array("MAIL FROM:<a@b>".utf8), address: Array("a@b".utf8))
        facts.login = [1]
        facts.reversePath = path
        facts.recipients = [path]
        facts.candidate = path
        facts.forgetTransaction()
        #expect(facts.reversePath == nil && facts.recipients.isEmpty && facts.candidate == nil)
        #expect(facts.login == [1])
    }
}
