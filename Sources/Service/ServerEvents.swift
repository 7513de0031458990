import CLinux
import Glibc
import Ring

/// What the main thread waits for once the server runs.
///
/// Nothing that is told here is ever lost, and there is no queue that could be full: what means the same a second time
/// is kept once, and the rest is counted.
final class ServerEvents: Sendable {
    enum Event: Sendable, Equatable {
        /// SIGTERM or SIGINT.
        case termination(Int32)
        /// A shard has ended its last session.
        case shardDrained
        case reopenLog
        /// The configuration is to be read again; whoever asked waits for `RequestReport` at `answers`.
        case reload(answers: [RequestAnswer])
        /// Another process is to take this one's place; whoever asked waits for `RequestReport` at `answers`.
        case upgrade(answers: [RequestAnswer])
        /// What came of starting it.
        case upgradeEnded(UpgradeOutcome)
        /// The process whose place this one has taken has ended.
        case formerEnded
        /// Files that the configuration names may have changed.
        case filesChanged
        /// Most of a listener's many sessions have ended.
        case sessionsEmptied
    }

    private struct Pending {
        var terminations: [Int32] = []
        var isToldToEnd = false
        var drainedShards = 0
        var reopensLog = false
        var reloads = false
        var answers: [RequestAnswer] = []
        var upgrades = false
        var upgradeAnswers: [RequestAnswer] = []
        var upgradeOutcome: UpgradeOutcome?
        var formerEnded = false
        var filesChanged = false
        var sessionsEmptied = false
        /// What is said to requests that nobody will take any more; nil while there is somebody.
        var refusal: RequestReport?

        /// The most urgent first: an end does not wait for a reload.
        mutating func take() -> Event? {
            if !terminations.isEmpty { return .termination(terminations.removeFirst()) }
            if drainedShards > 0 {
                drainedShards -= 1
                return .shardDrained
            }
            if Self.takeFlag(&formerEnded) { return .formerEnded }
            if let outcome = upgradeOutcome.take() { return .upgradeEnded(outcome) }
            if Self.takeFlag(&reopensLog) { return .reopenLog }
            if Self.takeFlag(&filesChanged) { return .filesChanged }
            if Self.takeFlag(&reloads) {
                defer { answers = [] }
                return .reload(answers: answers)
            }
            if Self.takeFlag(&upgrades) {
                defer { upgradeAnswers = [] }
                return .upgrade(answers: upgradeAnswers)
            }
            if Self.takeFlag(&sessionsEmptied) { return .sessionsEmptied }
            return nil
        }

        var isEmpty: Bool {
            var copy = self
            return copy.take() == nil
        }

        private static func takeFlag(_ flag: inout Bool) -> Bool {
            defer { flag = false }
            return flag
        }
    }

    private let pending = Locked(Pending())

    /// Of SIGTERM and SIGINT the first drains and the second ends at once: more have no meaning.
    private static let terminationsMax = 2
    /// Those who wait for one reload. There is one control socket, which asks once at a time.
    private static let answersMax = 16

    /// Begins to take the process's signals, on a thread of its own. They must be blocked in all threads by then.
    func takeSignals() {
        _ = Thread.start(name: "signals") {
            while true {
                let number = linux_wait_signal()
                if number > 0 { self.signal(number) }
            }
        }
    }

    /// The process has got a signal.
    func signal(_ number: Int32) {
        change { pending in
            switch number {
            case SIGHUP: pending.reloads = true
            case SIGUSR1: pending.reopensLog = true
            case SIGUSR2: pending.upgrades = true
            default:
                pending.isToldToEnd = true
                if pending.terminations.count < Self.terminationsMax { pending.terminations.append(number) }
            }
        }
    }

    /// As the first SIGTERM; another time it means nothing.
    func askForDrain() {
        change { pending in
            if !pending.isToldToEnd { pending.terminations.append(SIGTERM) }
            pending.isToldToEnd = true
        }
    }

    func noteShardDrained() {
        change { $0.drainedShards += 1 }
    }

    func noteSessionsEmptied() {
        change { $0.sessionsEmptied = true }
    }

    func noteFilesChanged() {
        change { $0.filesChanged = true }
    }

    func noteUpgradeEnded(_ outcome: UpgradeOutcome) {
        change { $0.upgradeOutcome = outcome }
    }

    /// The outcome that the main thread has not heard of yet.
    func takeUpgradeOutcome() -> UpgradeOutcome? {
        pending.withLock { $0.upgradeOutcome.take() }
    }

    func noteFormerEnded() {
        change { $0.formerEnded = true }
    }

    /// Asks for a reload and returns what came of it. Blocks, not on the main thread.
    func reload() -> RequestReport {
        request { pending, answer in
            pending.reloads = true
            pending.answers.append(answer)
        }
    }

    /// Asks for another process in this one's place and returns what came of it. Blocks, not on the main thread.
    func upgrade() -> RequestReport {
        request { pending, answer in
            pending.upgrades = true
            pending.upgradeAnswers.append(answer)
        }
    }

    private func request(_ ask: (inout Pending, RequestAnswer) -> Void) -> RequestReport {
        let answer = RequestAnswer()
        let refusal: RequestReport? = pending.withLock { pending in
            if let refusal = pending.refusal { return refusal }
            guard pending.answers.count + pending.upgradeAnswers.count < Self.answersMax else {
                return .unavailable(["too many wait for an answer"])
            }
            ask(&pending, answer)
            return nil
        }
        pending.signal()
        return refusal ?? answer.wait()
    }

    /// Nobody takes requests any more: those who wait for an answer get `report`, and nobody else will wait. What
    /// counts is the first report.
    func endRequests(with report: RequestReport) {
        let (answers, report) = pending.withLock { pending in
            let refusal = pending.refusal ?? report
            pending.refusal = refusal
            let answers = pending.answers + pending.upgradeAnswers
            (pending.answers, pending.upgradeAnswers) = ([], [])
            return (answers, refusal)
        }
        for answer in answers { answer.give(report) }
    }

    /// Blocks until something happens.
    func next() -> Event {
        pending.withLock(when: { !$0.isEmpty }) { pending in
            guard let event = pending.take() else { preconditionFailure("an event went between two looks") }
            return event
        }
    }

    private func change(_ body: (inout Pending) -> Void) {
        pending.withLock { body(&$0) }
        pending.signal()
    }
}
