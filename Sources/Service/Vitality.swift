import Ring
import Synchronization

/// Whether the process makes progress: every shard does a small job again and again, and the main thread is not at
/// one thing for ever.
///
/// The heartbeat's thread looks; a shard that hangs has one unanswered job, and no more.
final class Vitality: Sendable {
    /// A shard's answers, and when the job was given that it has not done yet.
    private final class Pulse: Sendable {
        let isAnswered = Atomic<Bool>(true)
    }

    /// What a look has shown.
    struct Finding: Equatable {
        /// Shards that have not done the job of the last look.
        var hungShards: [Int] = []
        /// The main thread has been at one thing for longer than it may.
        var isMainHung = false

        var isAlive: Bool { hungShards.isEmpty && !isMainHung }
    }

    private let pulses: [Pulse]
    private let post: @Sendable (Int, @escaping @Sendable () -> Void) -> Void
    /// Nanoseconds; 0 while the main thread waits for something to do.
    private let mainBusySince = Atomic<UInt64>(0)

    /// How long the main thread may be at one thing: a reload reads files, binds addresses and asks all shards.
    static let mainPatience = Duration.seconds(60)

    convenience init(_ shards: [Shard]) {
        self.init(count: shards.count) { index, job in shards[index].post { _ in job() } }
    }

    /// - Parameter post: has the job done on the shard.
    init(count: Int, post: @escaping @Sendable (Int, @escaping @Sendable () -> Void) -> Void) {
        pulses = (0..<count).map { _ in Pulse() }
        self.post = post
    }

    /// The main thread begins with something.
    func noteMainBusy(at now: Instant) {
        mainBusySince.store(max(now.nanoseconds, 1), ordering: .relaxed)
    }

    /// The main thread is done with it.
    func noteMainIdle() {
        mainBusySince.store(0, ordering: .relaxed)
    }

    /// Looks who has done the job of the last look, and gives these the next one.
    func look(at now: Instant) -> Finding {
        var finding = Finding()
        for (index, pulse) in pulses.enumerated() {
            guard pulse.isAnswered.load(ordering: .acquiring) else {
                finding.hungShards.append(index)
                continue
            }
            pulse.isAnswered.store(false, ordering: .relaxed)
            post(index) { pulse.isAnswered.store(true, ordering: .releasing) }
        }
        let since = mainBusySince.load(ordering: .relaxed)
        finding.isMainHung = since != 0 && Instant(nanoseconds: since) + Self.mainPatience < now
        return finding
    }
}
