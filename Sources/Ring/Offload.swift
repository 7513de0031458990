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

    /// Lets the threads finish what waits and ends them. Blocks until they have.
    public func close() {
        queue.close()
        for thread in threads { thread.join() }
    }
}
