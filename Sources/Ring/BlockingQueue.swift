/// A bounded queue between threads: whoever pushes never waits, whoever pops blocks until there is something.
public final class BlockingQueue<Element: Sendable>: Sendable {
    private struct State {
        var waiting: [Element] = []
        var closed = false
    }

    private let state = Locked(State())
    private let limit: Int

    /// - Parameter limit: elements that may wait; past it `push` refuses.
    public init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    /// Adds an element; false where the queue is full or closed.
    public func push(_ element: Element) -> Bool {
        let added = state.withLock { state in
            guard !state.closed, state.waiting.count < limit else { return false }
            state.waiting.append(element)
            return true
        }
        if added { state.signal() }
        return added
    }

    /// Blocks until something waits and takes all of it, oldest first; `nil` once the queue is closed and empty.
    public func popAll() -> [Element]? {
        state.withLock(when: { $0.closed || !$0.waiting.isEmpty }) { state in
            guard !state.waiting.isEmpty else { return nil }
            let all = state.waiting
            state.waiting = []
            return all
        }
    }

    /// Blocks until something waits and takes the oldest; `nil` once the queue is closed and empty.
    public func pop() -> Element? {
        state.withLock(when: { $0.closed || !$0.waiting.isEmpty }) { state in
            state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
    }

    /// Refuses what comes from now on and wakes those who wait.
    public func close() {
        state.withLock { $0.closed = true }
        state.signal()
    }
}
