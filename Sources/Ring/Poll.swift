import CUring
import Glibc

/// What a descriptor can be ready for (poll(2)).
public struct PollEvents: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let readable = PollEvents(rawValue: 0x1)
    public static let writable = PollEvents(rawValue: 0x4)
    /// Waited for in any case, as are the next two.
    public static let failed = PollEvents(rawValue: 0x8)
    /// Both directions are over.
    public static let hungUp = PollEvents(rawValue: 0x10)
    /// The peer has ended its direction.
    public static let peerFinished = PollEvents(rawValue: 0x2000)
}

/// Watches a descriptor that belongs to somebody else: a library that says what it waits for and is told when that
/// comes.
///
/// Each time the descriptor is ready the library is told once, and the watch goes on as the library then wants it. A
/// poll in the kernel keeps the connection open even where its descriptor is closed: `watch([])` has to be called
/// before that.
public final class Poll {
    private let ring: Ring
    private let descriptor: Int32
    private let ready: (PollEvents) -> Void
    private var wanted: PollEvents = []
    private var operation: OperationID?
    private var isTelling = false

    /// - Parameter ready: gets what the descriptor is ready for, also of what is waited for in any case; called from
    ///   the shard's loop, never out of `watch`, and not after `watch([])`.
    public init(_ ring: Ring, _ descriptor: Int32, ready: @escaping (PollEvents) -> Void) {
        self.ring = ring
        self.descriptor = descriptor
        self.ready = ready
    }

    /// Waits for `events` from now on, in place of what was waited for before; for nothing where there are none.
    public func watch(_ events: PollEvents) {
        guard events != wanted else { return }
        wanted = events
        ring.cancel(operation.take())
        if !isTelling { arm() }
    }

    private func arm() {
        guard operation == nil, !wanted.isEmpty else { return }
        operation = ring.begin(self) { uring_poll($0, descriptor, wanted.rawValue, $1) }
    }
}

extension Poll: CompletionSink {
    func completed(_ operation: OperationID, _ completion: Completion) {
        guard operation == self.operation else { return }  // Cancelled since.
        self.operation = nil
        isTelling = true
        if completion.result >= 0 {
            ready(PollEvents(rawValue: UInt32(completion.result)))
        } else {
            wanted = []  // The kernel cannot watch it; it would not the next time either.
            ready(.failed)
        }
        isTelling = false
        arm()
    }
}

extension Ring {
    /// Waits until `descriptor` is ready for one of `events` or for what is waited for in any case; once.
    ///
    /// - Throws: `timedOut` where `deadline` passes first; `system` where the kernel cannot watch it.
    /// - Returns: what it is ready for.
    public func poll(
        _ descriptor: Int32, for events: PollEvents, deadline: Instant = .never
    ) async throws(StreamError) -> PollEvents {
        if deadline <= now { throw .timedOut }
        var operation: OperationID?
        let timer = Timer(self) { self.cancel(operation) }
        timer.deadline = deadline
        let completion = await perform(named: { operation = $0 }) {
            uring_poll($0, descriptor, events.rawValue, $1)
        }
        timer.deadline = .never
        switch -completion.result {
        case ..<0: return PollEvents(rawValue: UInt32(completion.result))
        case ECANCELED: throw .timedOut
        default: throw .system(-completion.result)
        }
    }
}
