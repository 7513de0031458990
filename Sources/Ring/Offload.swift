/// A few threads for what can only block: file loads, client libraries without an event interface.
///
/// The caller's task waits without blocking its shard and goes on there.
public final class Offload: Sendable {
    private let queue: BlockingQueue<@Sendable () -> Void>
    private let threads: [Thread]

    /// Nothing more can be taken on: as many jobs wait as `jobsLimit` allows, or the pool has been closed.
    public struct Refused: Error {}

    /// - Parameters:
    ///   - threads: how many jobs run at once.
    ///   - jobsLimit: how many may wait.
    public init(threads count: Int = 2, jobsLimit: Int = 1024) {
        precondition(count > 0)
        let queue = BlockingQueue<@Sendable () -> Void>(limit: jobsLimit)
        self.queue = queue
        threads = (0..<count).map { number in
            Thread.start(name: "offload \(number)") {
                while let job = queue.pop() { job() }
            }
        }
    }

    /// Runs `work` on one of the threads and waits for its result.
    public func run<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async throws(Refused) -> Result {
        let result: Result? = await withUnsafeContinuation { continuation in
            let taken = queue.push { continuation.resume(returning: work()) }
            if !taken { continuation.resume(returning: nil) }
        }
        guard let result else { throw Refused() }
        return result
    }

    /// The same, but nil where `patience` ends first. Work that has not begun by then is left out; what has goes on,
    /// and its result is dropped.
    public func run<Result: Sendable>(
        for patience: Patience, _ work: @escaping @Sendable () -> Result
    ) async throws(Refused) -> Result? {
        var isTaken = true
        let result: Result? = await withUnsafeContinuation { continuation in
            guard patience.begin({ continuation.resume(returning: nil) }) else {
                return continuation.resume(returning: nil)
            }
            isTaken = queue.push {
                guard !patience.isOver else { return }
                let result = work()
                if patience.over() != nil { continuation.resume(returning: result) }
            }
            if !isTaken { patience.end() }
        }
        guard isTaken else { throw Refused() }
        return result
    }

    /// Lets the threads finish what waits and ends them. Blocks until they have.
    public func close() {
        queue.close()
        for thread in threads { thread.join() }
    }

    /// The same, but blocks no longer than `patience`. A thread that goes on ends with its job, or with the process.
    public func close(within patience: Duration) {
        queue.close()
        let end = Instant.current() + patience
        for thread in threads {
            let left = Int64(clamping: end.nanoseconds(since: Instant.current()))
            if !thread.join(within: .nanoseconds(left)) { thread.detach() }
        }
    }
}

/// That of one who waits for a job: anybody may end it, once.
public final class Patience: Sendable {
    private struct State {
        var isOver = false
        var giveUp: (@Sendable () -> Void)?
    }

    private let state = Locked(State())

    public init() {}

    /// Whether it has ended, be it that the job is done.
    public var isOver: Bool { state.withLock { $0.isOver } }

    /// Waits no longer. From any thread.
    public func end() { over()?() }

    /// False where it has ended already.
    fileprivate func begin(_ giveUp: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            state.giveUp = giveUp
            return true
        }
    }

    /// Ends it; how to give up, for the first who does so while somebody waits.
    fileprivate func over() -> (@Sendable () -> Void)? {
        state.withLock { state in
            state.isOver = true
            return state.giveUp.take()
        }
    }
}
