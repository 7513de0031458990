import CLinux
import Synchronization

/// Runs a shard's tasks on the shard's thread, between the turns of its ring.
///
/// Both the actor's serial executor and the tasks' executor preference: the preference, not the isolation, is what
/// keeps a session's every step on this thread.
///
/// `@unchecked Sendable`: `ready` is touched on the owning thread only (every access is behind `isOwner`); the inbox is
/// a lock, the rest are atomics.
public final class ShardExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    private var ready = JobQueue()
    private let inbox = Locked(Inbox())
    private let inboxHasMail = Atomic<Bool>(false)
    private let owner = Atomic<UInt64>(0)
    private let foreignJobCount = Atomic<Int>(0)
    /// An eventfd that the shard's ring reads.
    let wakeUpDescriptor: Int32

    /// What other threads leave for the shard.
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var messages: [@Sendable () -> Void] = []
        var isEmpty: Bool { jobs.isEmpty && messages.isEmpty }
    }

    init() throws(RingUnavailable) {
        let descriptor = linux_eventfd()
        guard descriptor >= 0 else { throw RingUnavailable(-descriptor) }
        wakeUpDescriptor = descriptor
    }

    deinit { linux_close(wakeUpDescriptor) }

    /// Jobs that came from other threads since the beginning: what `Offload` and calls between shards cause, and
    /// nothing else. A session that adds to it has left its shard.
    public var foreignJobs: Int { foreignJobCount.load(ordering: .relaxed) }

    /// Makes the calling thread the one that runs the jobs.
    func adoptThread() {
        owner.store(linux_thread_token(), ordering: .releasing)
    }

    @inline(__always)
    var isOwner: Bool { owner.load(ordering: .relaxed) == linux_thread_token() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOwner {
            ready.append(job)
        } else {
            foreignJobCount.add(1, ordering: .relaxed)
            leave { $0.jobs.append(job) }
        }
    }

    /// Has `message` run on the shard's thread, in its next turn. From any thread.
    func post(_ message: @escaping @Sendable () -> Void) {
        leave { $0.messages.append(message) }
    }

    private func leave(_ put: (inout Inbox) -> Void) {
        let wasEmpty = inbox.withLock { inbox in
            let wasEmpty = inbox.isEmpty
            put(&inbox)
            return wasEmpty
        }
        guard wasEmpty else { return }
        inboxHasMail.store(true, ordering: .releasing)
        linux_eventfd_signal(wakeUpDescriptor)
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
    public func isIsolatingCurrentContext() -> Bool? { isOwner }
    public func checkIsolated() { precondition(isOwner, "not on the shard's thread") }

    // MARK: The loop's side

    /// True where jobs are ready to run.
    var hasWork: Bool { !ready.isEmpty }

    /// Runs the jobs that are ready now; what they make ready waits for the next call.
    func runReady() {
        var left = ready.count
        let serial = asUnownedSerialExecutor()
        let preference = asUnownedTaskExecutor()
        while left > 0 {
            left -= 1
            ready.removeFirst().runSynchronously(isolatedTo: serial, taskExecutor: preference)
        }
    }

    /// Takes in what other threads have left: jobs become ready, messages run.
    func takeInbox() {
        guard inboxHasMail.load(ordering: .relaxed) else { return }
        let mail = inbox.withLock { inbox in
            inboxHasMail.store(false, ordering: .relaxed)
            let mail = inbox
            inbox = Inbox()
            return mail
        }
        for job in mail.jobs { ready.append(job) }
        for message in mail.messages { message() }
    }
}

/// Jobs in the order in which they became ready: a ring buffer that grows by doubling.
private struct JobQueue: ~Copyable {
    private var jobs: UnsafeMutablePointer<UnownedJob>
    private var mask: Int
    private var head = 0
    private(set) var count = 0

    init() {
        mask = 1023
        jobs = .allocate(capacity: mask + 1)
    }

    deinit { jobs.deallocate() }

    var isEmpty: Bool { count == 0 }

    mutating func append(_ job: UnownedJob) {
        if count == mask + 1 { grow() }
        (jobs + ((head + count) & mask)).initialize(to: job)
        count += 1
    }

    mutating func removeFirst() -> UnownedJob {
        precondition(count > 0)
        let job = (jobs + head).move()
        head = (head + 1) & mask
        count -= 1
        return job
    }

    private mutating func grow() {
        let grown = UnsafeMutablePointer<UnownedJob>.allocate(capacity: 2 * (mask + 1))
        let untilWrap = mask + 1 - head
        grown.moveInitialize(from: jobs + head, count: untilWrap)
        (grown + untilWrap).moveInitialize(from: jobs, count: head)
        jobs.deallocate()
        jobs = grown
        mask = 2 * mask + 1
        head = 0
    }
}
