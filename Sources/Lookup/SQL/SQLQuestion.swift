import Ring
import Synchronization

/// One question on its way, and who waits for its answer. The first who ends it does so for all.
final class SQLQuestion: Sendable {
    typealias Answer = Result<SQLRow?, SQLFailure>

    private struct State {
        var answer: Answer?
        var caller: UnsafeContinuation<Answer, Never>?
    }

    let key: [UInt8]
    let deadline: Instant
    private let state = Locked(State())
    private let hasEnded = Atomic(false)

    init(about key: [UInt8], until deadline: Instant) {
        self.key = key
        self.deadline = deadline
    }

    /// Nobody waits for the answer any more. Looked at with locks held.
    var isOver: Bool { hasEnded.load(ordering: .relaxed) }

    /// False where it is over already, of which the caller hears.
    func begin(_ caller: UnsafeContinuation<Answer, Never>) -> Bool {
        let answer = state.withLock { state -> Answer? in
            if state.answer == nil { state.caller = caller }
            return state.answer
        }
        if let answer { caller.resume(returning: answer) }
        return answer == nil
    }

    /// From any thread.
    func end(_ answer: Answer) {
        hasEnded.store(true, ordering: .relaxed)
        let caller = state.withLock { state -> UnsafeContinuation<Answer, Never>? in
            guard state.answer == nil else { return nil }
            state.answer = answer
            return state.caller.take()
        }
        caller?.resume(returning: answer)
    }
}
