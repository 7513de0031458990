import CLinux
import CUring

/// A thread, its ring, and the sessions that live on it. Nothing of a shard is shared with another.
///
/// A session is an async function isolated to its shard. Everything it calls on its way is a plain async method of a
/// type that is not Sendable, and runs on the shard's thread without a hop.
public actor Shard {
    /// 0 for the first shard of a process, and so on.
    public nonisolated let number: Int
    public nonisolated let executor: ShardExecutor
    public let ring: Ring
    private var isStopping = false
    private var wakeUp: WakeUp?
    /// Tasks made by `spawn` that have not ended.
    public private(set) var liveTasks = 0

    /// A turn that takes longer than this, apart from waiting, is reported by debug builds.
    static let slowTurnNanoseconds: UInt64 = 50_000_000

    public init(
        number: Int = 0, sizes: Ring.Sizes = Ring.Sizes(),
        allowing features: RingFeatures = RingFeatures(rawValue: .max)
    ) throws(RingUnavailable) {
        self.number = number
        executor = try ShardExecutor()
        ring = try Ring(sizes: sizes, allowing: features)
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Starts the shard on a thread of its own.
    public nonisolated func start() -> Thread {
        Thread.start(name: "shard \(number)") { self.run() }
    }

    /// Runs the shard on the calling thread until `stop`.
    public nonisolated func run() {
        executor.adoptThread()
        assumeIsolated { shard in
            shard.ring.start()
            shard.loop()
        }
    }

    /// Ends the loop after the current turn. Sessions must have ended before: what still waits is never resumed.
    public func stop() {
        isStopping = true
    }

    /// Makes a task of this shard and runs it up to its first suspension at once. The only way to make one.
    public func spawn(_ body: nonisolated(nonsending) @escaping () async -> Void) {
        liveTasks += 1
        Task.immediate(executorPreference: executor) {
            await body()
            self.liveTasks -= 1
        }
    }

    /// Has `message` run on this shard in its next turn. From any thread; never blocks.
    public nonisolated func post(_ message: @escaping @Sendable (isolated Shard) -> Void) {
        executor.post { self.assumeIsolated { message($0) } }
    }

    /// Runs `body` as a task of this shard and waits for it. For tests and tools outside any shard.
    public nonisolated func perform<Result: Sendable>(
        _ body: @escaping @Sendable (isolated Shard) async -> Result
    ) async -> Result {
        await Task(executorPreference: executor) { await body(self) }.value
    }

    private func loop() {
        let wakeUp = WakeUp(ring, executor.wakeUpDescriptor)
        wakeUp.arm()
        self.wakeUp = wakeUp
        var due: [any DeadlineTarget] = []
        while !isStopping {
            executor.runReady()
            ring.runDeferred()
            noteTurnLength()
            ring.turn(waitingUntil: executor.hasWork || isStopping ? Instant(nanoseconds: 0) : ring.timers.nextWakeUp())
            ring.reap()
            executor.takeInbox()
            ring.timers.advance(to: ring.now, into: &due)
            for target in due { target.deadlinePassed() }
            due.removeAll(keepingCapacity: true)
        }
        wakeUp.disarm()
        while wakeUp.isArmed {
            ring.turn(waitingUntil: .never)
            ring.reap()
        }
        self.wakeUp = nil
        ring.finish()
    }

    private func noteTurnLength() {
        #if DEBUG
            let length = Instant.current().nanoseconds(since: ring.now)
            guard length > Self.slowTurnNanoseconds else { return }
            ring.statistics.slowTurns += 1
            SlowTurns.report(shard: number, milliseconds: length / 1_000_000)
        #endif
    }
}

/// Reads the eventfd by which other threads wake the shard.
private final class WakeUp: CompletionSink {
    private let ring: Ring
    private let descriptor: Int32
    private let count = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private var operation: OperationID?
    private var isWanted = true

    init(_ ring: Ring, _ descriptor: Int32) {
        self.ring = ring
        self.descriptor = descriptor
    }

    deinit { count.deallocate() }

    var isArmed: Bool { operation != nil }

    func arm() {
        operation = ring.begin(self) { uring_read($0, descriptor, count, MemoryLayout<UInt64>.size, $1) }
    }

    /// Asks for the end, without which the ring would keep this alive and this the ring.
    func disarm() {
        isWanted = false
        ring.cancel(operation)
    }

    func completed(_: OperationID, _: Completion) {
        operation = nil
        if isWanted { arm() }
    }
}
