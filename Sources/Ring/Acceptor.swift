import CLinux
import CUring
import Glibc

/// Accepts the connections of one listening socket on one shard, with one multishot operation.
///
/// Where the process or the system runs out of descriptors or memory, or the socket itself fails, accepting pauses
/// and is tried again every 100 ms; the sessions there are live on, and newcomers wait in the kernel's queue.
public final class Acceptor: CompletionSink, DeadlineTarget {
    private let ring: Ring
    private let socket: ListeningSocket
    private let accepted: (Int32) -> Void
    private let paused: (Int32) -> Void
    private var operation: OperationID?
    private var timer: SlotID?
    private var isStopping = false
    private var stopped: UnsafeContinuation<Void, Never>?

    static let pauseMilliseconds = 100

    /// - Parameters:
    ///   - accepted: gets each connected descriptor, which it then owns.
    ///   - paused: told, with the errno, each time accepting begins to pause.
    public init(
        _ ring: Ring, _ socket: ListeningSocket, accepted: @escaping (Int32) -> Void, paused: @escaping (Int32) -> Void
    ) {
        self.ring = ring
        self.socket = socket
        self.accepted = accepted
        self.paused = paused
    }

    public func start() {
        precondition(operation == nil && !isStopping)
        operation = ring.begin(self) { uring_accept_multishot($0, socket.descriptor, $1) }
    }

    /// Stops accepting and waits until the kernel holds the socket no more. The socket stays open. Once.
    public func stop() async {
        isStopping = true
        removeTimer()
        await withUnsafeContinuation { continuation in
            guard let operation else { return continuation.resume() }
            stopped = continuation
            ring.cancel(operation)
        }
    }

    func completed(_: OperationID, _ completion: Completion) {
        if !completion.goesOn { operation = nil }
        if completion.result >= 0 {
            // A connection that came while we were stopping is served like any other: the kernel has given it to us.
            accepted(completion.result)
        }
        guard operation == nil else { return }
        if isStopping {
            stopped.take()?.resume()
        } else if completion.result >= 0 || Self.concernsOneConnection(-completion.result) {
            start()
        } else {
            pause(-completion.result)
        }
    }

    /// The connection was at fault, which was gone before it was accepted, or its network; the next one may do
    /// (accept(2)).
    private static func concernsOneConnection(_ errno: Int32) -> Bool {
        [
            ECONNABORTED, EINTR, EPERM, EPROTO, ENOPROTOOPT, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET,
        ].contains(errno)
    }

    private func pause(_ errno: Int32) {
        paused(errno)
        let timer = ring.timers.add(self)
        self.timer = timer
        ring.timers.setDeadline(ring.now + .milliseconds(Self.pauseMilliseconds), of: timer)
    }

    func deadlinePassed() {
        removeTimer()
        if !isStopping { start() }
    }

    private func removeTimer() {
        if let timer = timer.take() { ring.timers.remove(timer) }
    }
}
