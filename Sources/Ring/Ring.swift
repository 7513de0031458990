import CLinux
import CUring
import Glibc

/// One io_uring with what lives on it: the operations in flight, the receive buffers, the timers.
///
/// Not Sendable: a ring belongs to its shard's thread. Every submission checks that (about 1 ns, release builds too),
/// because the compiler does not catch every way in which a closure can leave its shard.
public final class Ring {
    /// Sizes of a ring, as powers of two.
    public struct Sizes: Sendable {
        var submissions: UInt32 = 1024
        var completions: UInt32 = 16384
        var receiveBuffers: UInt32 = 256
        var receiveBufferBytes: UInt32 = 8192
        var heldBytesLimit = 256 << 20
        /// Pipes for splicing, of up to 1 MiB each; 0: nothing is spliced.
        public var splicePipes = 16

        public init() {}

        public init(
            submissions: UInt32, completions: UInt32, receiveBuffers: UInt32, receiveBufferBytes: UInt32,
            heldBytesLimit: Int = 256 << 20
        ) {
            self.submissions = submissions
            self.completions = completions
            self.receiveBuffers = receiveBuffers
            self.receiveBufferBytes = receiveBufferBytes
            self.heldBytesLimit = heldBytesLimit
        }
    }

    /// What happened on the ring since it began. For tests, reports and metrics.
    public struct Statistics: Sendable {
        public var turns = 0
        public var submissions = 0
        /// Completions of operations that had already ended: a normal case, after a cancellation.
        public var staleCompletions = 0
        /// Submission queue found full and flushed in the middle of a turn.
        public var submissionQueueFull = 0
        /// Turns that found completions waiting in the kernel because the completion queue was full.
        public var completionQueueOverflows = 0
        /// Turns that the kernel could not take at once (EINTR, EAGAIN, EBUSY, ENOMEM) and that were made again.
        public var interruptedTurns = 0
        /// Receives that found no provided buffer and went into private memory.
        public var receiveBuffersExhausted = 0
        /// Turns whose jobs and completions took longer than 50 ms (debug builds).
        public var slowTurns = 0
    }

    let raw: OpaquePointer
    let features: RingFeatures
    let buffers: ReceiveBuffers
    var timers: TimerWheel
    public internal(set) var statistics = Statistics()
    /// The time at which this turn's completions were taken.
    public internal(set) var now: Instant

    /// Bytes held for readers, in private memory, in that of large receives and in pipes, and how many may be: past it
    /// a flow is ended.
    var heldBytes = 0
    let heldBytesLimit: Int
    let pipes: PipePool
    let blocks = LargeBlocks()

    private var owner: UInt64 = 0
    private var operations = SlotTable<Recipient>(capacity: 1024)
    private let batch: UnsafeMutableBufferPointer<uring_completion>
    /// Completions taken out of the kernel's queue to make room while a submission could not wait.
    private var setAside: [uring_completion] = []

    /// Some have been taken out of the kernel's queue and told to nobody.
    var hasCompletionsSetAside: Bool { !setAside.isEmpty }

    enum Recipient {
        case task(UnsafeContinuation<Completion, Never>)
        case sink(any CompletionSink)
    }

    private var deferred: [() -> Void] = []

    /// User data of operations whose completion nobody waits for.
    static let unattended = UInt64.max - 1
    private static let batchCapacity = 512

    /// - Parameter allowing: features newer than the baseline that may be used where the kernel has them.
    public init(sizes: Sizes = Sizes(), allowing: RingFeatures = RingFeatures(rawValue: .max)) throws(RingUnavailable) {
        (raw, buffers) = try RingOpening(sizes).open()
        heldBytesLimit = sizes.heldBytesLimit
        pipes = PipePool(limit: sizes.splicePipes)
        features = RingFeatures.probed(raw).intersection(allowing)
        now = Instant.current()
        timers = TimerWheel(now: now)
        batch = .allocate(capacity: Self.batchCapacity)
    }

    deinit {
        uring_close(raw)
        buffers.close()
        batch.deallocate()
    }

    /// Operations in flight.
    public var operationsInFlight: Int { operations.count }

    /// Makes the calling thread the ring's owner and starts it.
    func start() {
        owner = linux_thread_token()
        let result = uring_start(raw)
        precondition(result >= 0, "io_uring: enabling the ring: \(systemErrorText(-result))")
    }

    /// Ends the ring's ties to its thread. The last call from there.
    func finish() {
        checkOwner()
        uring_finish(raw)
    }

    @inline(__always)
    func checkOwner() {
        precondition(owner == linux_thread_token(), "a ring was used from a thread that is not its own")
    }

    // MARK: Operations

    /// Puts an operation in flight; its completions go to `sink`.
    ///
    /// `prepare` fills the submission in, given the ring and the user data; false where the queue is full.
    func begin(_ sink: any CompletionSink, _ prepare: (OpaquePointer, UInt64) -> Bool) -> OperationID {
        let id = operations.insert(.sink(sink))
        submit(id.bits, prepare)
        return id
    }

    /// Puts an operation in flight and waits for its completion. `named` is told its name and, once it is over, `nil`,
    /// so that it can be cancelled meanwhile. (Not `inout`: that would be exclusive access across the suspension.)
    /// Only the kernel's completion resumes the caller.
    func perform(
        named: (OperationID?) -> Void, _ prepare: (OpaquePointer, UInt64) -> Bool
    ) async -> Completion {
        let completion = await withUnsafeContinuation { continuation in
            let operation = operations.insert(.task(continuation))
            named(operation)
            submit(operation.bits, prepare)
        }
        named(nil)
        return completion
    }

    /// Asks the kernel to end an operation. The operation's own completion tells how it ended; `nil` and stale names
    /// are ignored.
    func cancel(_ id: OperationID?) {
        guard let id, operations.contains(id) else { return }
        submit(Self.unattended) { uring_cancel($0, id.bits, $1) }
    }

    /// Gives the completions of an operation in flight to another sink.
    func redirect(_ id: OperationID, to sink: any CompletionSink) {
        operations.update(id) { $0 = .sink(sink) }
    }

    private func submit(_ userData: UInt64, _ prepare: (OpaquePointer, UInt64) -> Bool) {
        checkOwner()
        statistics.submissions += 1
        while !prepare(raw, userData) { makeRoom() }
    }

    /// The submission queue is full: submits it in the middle of the turn.
    @inline(never)
    private func makeRoom() {
        statistics.submissionQueueFull += 1
        let result = uring_turn(raw, UInt64(URING_NO_WAIT))
        guard result < 0 else { return }
        noteInterruption(result)
        // The kernel wants its completions taken first. They are kept for the turn: nothing is called from in here. Not
        // by way of `batch`, which may be in the middle of being delivered.
        withUnsafeTemporaryAllocation(of: uring_completion.self, capacity: Self.batchCapacity) { taken in
            let count = Int(uring_reap(raw, taken.baseAddress, UInt32(taken.count)))
            setAside.append(contentsOf: taken[..<count])
        }
    }

    // MARK: The turn

    /// Submits what is prepared and waits for a completion, at most `limit`; then completions can be reaped.
    func turn(waitingUntil limit: Instant) {
        checkOwner()
        statistics.turns += 1
        if uring_overflowed(raw) { statistics.completionQueueOverflows += 1 }
        let result = uring_turn(raw, waitingTime(until: limit))
        if result < 0 && result != -ETIME { noteInterruption(result) }
        now = Instant.current()
    }

    private func waitingTime(until limit: Instant) -> UInt64 {
        guard setAside.isEmpty, limit > Instant(nanoseconds: 0) else { return UInt64(URING_NO_WAIT) }
        guard limit != .never else { return UInt64.max }
        // From the last turn's end: a wait is longer by what was done since, which the timers' promise allows for.
        return limit.nanoseconds(since: now)
    }

    private func noteInterruption(_ result: Int32) {
        switch -result {
        case EINTR, EAGAIN, EBUSY, ENOMEM: statistics.interruptedTurns += 1
        default: preconditionFailure("io_uring_enter: \(systemErrorText(-result))")
        }
    }

    /// Has `action` called before the next submission: for machines, which call nobody out of the middle of a step, and
    /// for what may be given to another thread only once the task that asks has suspended.
    public func later(_ action: @escaping () -> Void) {
        deferred.append(action)
    }

    /// Runs what was put off, and what that puts off in turn.
    func runDeferred() {
        guard !deferred.isEmpty else { return }
        var next = 0
        while next < deferred.count {
            let action = deferred[next]
            next += 1
            action()
        }
        deferred.removeAll(keepingCapacity: true)
    }

    /// Takes all completions there are and resumes or tells those who wait for them.
    func reap() {
        if !setAside.isEmpty {
            var list: [uring_completion] = []
            swap(&list, &setAside)
            for completion in list { deliver(completion) }
        }
        while true {
            let count = Int(uring_reap(raw, batch.baseAddress, UInt32(batch.count)))
            for index in 0..<count { deliver(batch[index]) }
            if count < batch.count { return }
        }
    }

    private func deliver(_ raw: uring_completion) {
        guard raw.user_data != Self.unattended else { return }
        let id = OperationID(bits: raw.user_data)
        let completion = Completion(raw)
        guard let recipient = completion.goesOn ? operations.value(id) : operations.remove(id) else {
            statistics.staleCompletions += 1
            return
        }
        switch recipient {
        case .task(let continuation): continuation.resume(returning: completion)
        case .sink(let sink): sink.completed(id, completion)
        }
    }
}
