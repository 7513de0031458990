import Ring

/// The threads of a pool, each with its connection, and what waits for them.
final class SQLCrew: Sendable {
    fileprivate struct State {
        var waiting: [SQLQuestion] = []
        /// By their numbers; they take themselves out.
        var threads: [Int: Thread] = [:]
        var lastNumber = 0
        /// Threads that have no connection yet.
        var opening = 0
        /// Threads that wait for a question.
        var idle = 0
        /// Why the last attempt to connect has failed, until one succeeds.
        var problem: SQLFailure?
        /// No new attempt before.
        var retryAt = Instant(nanoseconds: 0)
        var isClosed = false

        var hasConnection: Bool { threads.count > opening }
    }

    private let driver: any SQLDriver
    private let limits: SQLPool.Limits
    private let state = Locked(State())

    /// From a failed attempt to connect to the next.
    static let pauseAfterFailure = Duration.seconds(1)

    init(_ driver: any SQLDriver, _ limits: SQLPool.Limits) {
        self.driver = driver
        self.limits = limits
    }

    // MARK: For those who ask

    /// Has a question asked, or ends it at once. From any thread; does not block.
    func take(_ question: SQLQuestion) {
        let now = Instant.current()
        let failure = state.withLock { state -> SQLFailure? in
            guard !state.isClosed else { return .closed }
            if state.waiting.count >= limits.waitingMax { state.waiting.removeAll { $0.isOver } }
            guard state.waiting.count < limits.waitingMax else { return .full }
            if state.idle + state.opening <= state.waiting.count, let failure = addThread(to: &state, at: now) {
                return failure
            }
            state.waiting.append(question)
            return nil
        }
        if let failure { question.end(.failure(failure)) } else { state.signal() }
    }

    /// Where there is room for another connection, and hope, opens it. Whatever it fails with where nobody is there to
    /// take a question.
    private func addThread(to state: inout State, at now: Instant) -> SQLFailure? {
        let mayHope = state.problem == nil || (state.opening == 0 && now >= state.retryAt)
        guard state.threads.count < limits.connectionsMax, mayHope else {
            return state.hasConnection ? nil : state.problem
        }
        state.lastNumber += 1
        let number = state.lastNumber
        let thread = Thread.startIfPossible(name: "sql \(number)") { self.serve(number) }
        guard let thread else { return state.threads.isEmpty ? .noThread : nil }
        state.threads[number] = thread
        state.opening += 1
        return nil
    }

    /// - Parameter patience: nil: the threads end by themselves.
    func close(within patience: Duration?) {
        let (waiting, threads) = state.withLock { state in
            state.isClosed = true
            let rest = (state.waiting, Array(state.threads.values))
            state.waiting = []
            // Who is not found here any more is joined, or let go of, below.
            state.threads = [:]
            return rest
        }
        state.signal()
        for question in waiting { question.end(.failure(.closed)) }
        let end = Instant.current() + (patience ?? .zero)
        for thread in threads {
            let left = Int64(clamping: end.nanoseconds(since: Instant.current()))
            if patience == nil || !thread.join(within: .nanoseconds(left)) { thread.detach() }
        }
    }

    // MARK: The threads

    private func serve(_ number: Int) {
        var question: SQLQuestion?
        repeat {
            let connection: any SQLConnection
            do throws(SQLFailure) { connection = try driver.open(within: limits.timeout) } catch {
                return giveUp(number, question, error)
            }
            noteConnection()
            let end = ask(on: connection, number, &question)
            connection.close()
            switch end {
            case .dismissed: return
            case .useless(let failure): return giveUp(number, question, failure, wasOpen: true)
            case .lost: break
            }
        } while hasReasonToReopen(number, question)
    }

    /// How the use of a connection ends.
    private enum End {
        /// Nobody has anything to ask; the thread is known no more.
        case dismissed
        /// A connection that did its work before.
        case lost
        /// It did not do for a first question.
        case useless(SQLFailure)
    }

    /// - Parameter question: to begin with; afterwards, one that has not been answered.
    private func ask(
        on connection: any SQLConnection, _ number: Int, _ question: inout SQLQuestion?
    ) -> End {
        var isProven = false
        var isCountedIdle = false
        while true {
            if question == nil {
                if !isCountedIdle { noteIdleness() }
                isCountedIdle = false
                question = nextQuestion(number)
            }
            guard let asked = question else { return .dismissed }
            question = nil
            let left = Int64(clamping: asked.deadline.nanoseconds(since: Instant.current()))
            guard !asked.isOver, left > 0 else { continue }
            let answer: SQLQuestion.Answer
            switch connection.ask(about: asked.key, within: .nanoseconds(left)) {
            case .row(let row): answer = .success(row)
            case .none: answer = .success(nil)
            case .failed(let failure): answer = .failure(failure)
            case .lost(let failure) where !isProven:
                // Who hears of it and asks again at once must find the server away.
                question = asked
                return .useless(failure)
            case .lost(let failure):
                if asked.deadline > Instant.current() { question = asked } else { asked.end(.failure(failure)) }
                return .lost
            }
            isProven = true
            // Who hears the answer may ask again at once, and needs no other connection for that.
            noteIdleness()
            isCountedIdle = true
            asked.end(answer)
        }
    }

    /// Waits for a question; nil where the thread is dismissed, as nobody has asked for long.
    private func nextQuestion(_ number: Int) -> SQLQuestion? {
        let until = Instant.current() + limits.idleTimeout
        let found = state.withLock(when: { $0.isClosed || !$0.waiting.isEmpty }, until: until) { state in
            state.takeQuestion(number)
        }
        // One may have come since the time was over.
        return found ?? state.withLock { $0.takeQuestion(number) }
    }

    /// Of a thread that is about to wait for a question.
    private func noteIdleness() {
        state.withLock { $0.idle += 1 }
    }

    private func noteConnection() {
        state.withLock { state in
            state.opening -= 1
            state.problem = nil
        }
    }

    /// Of a thread that has lost its connection: whether anybody still wants an answer. The thread is known no more
    /// otherwise.
    private func hasReasonToReopen(_ number: Int, _ question: SQLQuestion?) -> Bool {
        let isWanted = state.withLock { state in
            let isWanted = !state.isClosed && (question != nil || !state.waiting.isEmpty)
            if isWanted { state.opening += 1 } else { state.dismiss(number) }
            return isWanted
        }
        if !isWanted { question?.end(.failure(.closed)) }
        return isWanted
    }

    /// Ends a thread whose attempt has failed, and the questions that nobody is left for.
    private func giveUp(_ number: Int, _ question: SQLQuestion?, _ failure: SQLFailure, wasOpen: Bool = false) {
        let left = state.withLock { state -> [SQLQuestion] in
            if !wasOpen { state.opening -= 1 }
            state.problem = failure
            state.retryAt = Instant.current() + Self.pauseAfterFailure
            state.dismiss(number)
            guard state.threads.isEmpty else { return [] }
            let waiting = state.waiting
            state.waiting = []
            return waiting
        }
        question?.end(.failure(failure))
        for question in left { question.end(.failure(failure)) }
    }
}

extension SQLCrew.State {
    /// Lets go of a thread that ends by itself.
    fileprivate mutating func dismiss(_ number: Int) {
        threads.removeValue(forKey: number)?.detach()
    }

    /// The oldest question for a thread that waits for one; where there is none, the thread is dismissed.
    fileprivate mutating func takeQuestion(_ number: Int) -> SQLQuestion? {
        idle -= 1
        guard !isClosed, !waiting.isEmpty else {
            dismiss(number)
            return nil
        }
        return waiting.removeFirst()
    }
}
