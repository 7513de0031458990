import CLinux
import Ring

/// What the main thread waits for once the server runs.
final class ServerEvents: Sendable {
    enum Event: Sendable {
        case signal(Int32)
        /// A shard has ended its last session.
        case shardDrained
        /// Most of a listener's many sessions have ended.
        case sessionsEmptied
    }

    private let queue = BlockingQueue<Event>(limit: 1024)

    /// Begins to take the process's signals, on a thread of its own. They must be blocked in all threads by then.
    func takeSignals() {
        _ = Thread.start(name: "signals") { [queue] in
            while true {
                let number = linux_wait_signal()
                if number > 0 { _ = queue.push(.signal(number)) }
            }
        }
    }

    func push(_ event: Event) {
        _ = queue.push(event)
    }

    /// Blocks until something happens.
    func next() -> Event {
        guard let event = queue.pop() else { preconditionFailure("the queue of events was closed") }
        return event
    }
}
