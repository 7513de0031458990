/// By which somebody takes back a question that others still work at: a session that ends, or is drained.
///
/// On one shard. It asks only: who works at the question ends it and answers that there is no answer.
public final class Cancellation {
    public private(set) var isCancelled = false
    private var handlers: [Int: () -> Void] = [:]
    private var registered = 0

    public init() {}

    /// Takes the question back, for good.
    public func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        let handlers = handlers.sorted { $0.key < $1.key }
        self.handlers = [:]
        for (_, handler) in handlers { handler() }
    }

    /// Has `body` run, and `handler` called once if the question is taken back meanwhile. It is not called where that
    /// was done before: look at `isCancelled` first.
    public func whileWatched<Result, Failure: Error>(
        _ handler: @escaping () -> Void, _ body: nonisolated(nonsending) () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        registered += 1
        let number = registered
        handlers[number] = handler
        defer { handlers[number] = nil }
        return try await body()
    }
}
