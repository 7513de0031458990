import CLinux
import CUring
import Glibc

/// A connected socket for straight-line code: read, write, secure, close.
///
/// Not Sendable: a stream lives on its shard, and one task at a time uses it. An idle stream holds its object, a timer
/// where it has a deadline and, while it waits, one operation; no buffer. It must be closed before it goes.
public final class Stream {
    let ring: Ring
    let descriptor: Int32
    private var timer: SlotID?

    /// What the peer sent and nobody has read: plaintext.
    var inbound = ByteQueue()
    /// What is to be sent: plaintext.
    var outbound = ByteQueue()
    /// What is being sent of a secured stream: records.
    var records = ByteQueue()
    /// Present from STARTTLS (or the connection's start) on.
    public internal(set) var layer: (any RecordLayer)?

    /// How the peer's direction ended, once it has.
    public internal(set) var inputEnd: StreamError?
    var receiving: OperationID?
    var sending: OperationID?
    var reader: UnsafeContinuation<Void, Never>?
    /// The stream whose reader also waits for this one.
    unowned var observer: Stream?
    var isInterrupted = false
    /// Who is told of input where no task waits for it.
    var heard: (() -> Void)?
    var isHangingUp = false
    /// Input ends a send in flight.
    var isHeardWhileSending = false
    /// The peer may send passwords: the memory that what it sends has been in is overwritten. What a record layer keeps
    /// inside is its own.
    public var keepsInputSecret = false
    private var isClosed = false

    /// Bytes from and to the peer, as the application sees them (plaintext).
    public internal(set) var bytesReceived: UInt64 = 0
    public internal(set) var bytesSent: UInt64 = 0

    /// Takes over a connected descriptor.
    public init(_ ring: Ring, descriptor: Int32) {
        self.ring = ring
        self.descriptor = descriptor
    }

    deinit { precondition(isClosed, "a stream was dropped without being closed") }

    /// The address of the other end; `nil` where it is gone already.
    public var peerAddress: SocketAddress? { SocketAddress.peer(of: descriptor) }
    public var localAddress: SocketAddress? { SocketAddress.local(of: descriptor) }

    /// When what is in flight, and everything after it, fails with `timedOut`. Data that has arrived wins.
    public var deadline: Instant = .never {
        didSet {
            guard deadline != .never, !isClosed else { return removeTimer() }
            let timer = timer ?? ring.timers.add(self)
            self.timer = timer
            ring.timers.setDeadline(deadline, of: timer)
        }
    }

    /// Ends the wait of the task that is reading, once, with `StreamError.interrupted`; bytes that have arrived win.
    /// Where no task waits, the next wait ends at once.
    public func interrupt() {
        isInterrupted = true
        ring.cancel(receiving)
    }

    /// Plaintext that waits to be read, in bytes.
    public var buffered: Int { inbound.count }

    /// True where bytes of the peer wait to be read or its direction has ended.
    public var hasInput: Bool { !inbound.isEmpty || inputEnd != nil }

    /// Closes the connection at once: what is unsent is lost, no notice is given (TLS or otherwise).
    /// Waits for what is in flight, because a descriptor is closed only when the kernel holds nothing of it.
    public func close() async {
        guard !isClosed else { return }
        heard = nil
        deadline = .never
        await stopReceiving()
        closeAtRest()
    }

    /// As `close`, where it is known that nothing is in flight, as it is after a pump.
    public func closeAtRest() {
        guard !isClosed else { return }
        precondition(receiving == nil, "closed while receiving")
        precondition(sending == nil, "closed while a task is writing")
        removeTimer()
        isClosed = true
        linux_close(descriptor)
    }

    private func removeTimer() {
        if let timer = timer.take() { ring.timers.remove(timer) }
    }
}

extension Stream: DeadlineTarget {
    /// Asks the kernel to end what is in flight; its completions resume those who wait.
    func deadlinePassed() {
        ring.cancel(receiving)
        ring.cancel(sending)
    }

    var deadlineHasPassed: Bool { deadline <= ring.now }
}
