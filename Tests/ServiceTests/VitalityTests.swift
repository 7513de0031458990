import Glibc
import Ring
import Testing

@testable import Service

@Suite struct VitalityTests {
    /// Jobs that were given to shards and are done when a test wants it.
    private final class Jobs: Sendable {
        let waiting = Locked<[(shard: Int, job: @Sendable () -> Void)]>([])

        func finish(_ shard: Int) {
            let done = waiting.withLock { waiting in
                let done = waiting.filter { $0.shard == shard }
                waiting.removeAll { $0.shard == shard }
                return done
            }
            for one in done { one.job() }
        }
    }

    private let jobs = Jobs()
    private let vitality: Vitality
    private let start = Instant(nanoseconds: 1_000_000_000)

    init() {
        vitality = Vitality(count: 2) { [jobs] shard, job in jobs.waiting.withLock { $0.append((shard, job)) } }
    }

    @Test func shardsThatAnswerAreAlive() {
        for _ in 0..<3 {
            #expect(vitality.look(at: start).isAlive)
            jobs.finish(0)
            jobs.finish(1)
        }
    }

    @Test func aShardThatDoesNotAnswerIsNamedUntilItDoes() {
        #expect(vitality.look(at: start).isAlive)
        jobs.finish(0)
        for _ in 0..<100 {
            #expect(vitality.look(at: start) == Vitality.Finding(hungShards: [1]))
            jobs.finish(0)
        }
        #expect(jobs.waiting.withLock { $0.count } == 1)
        jobs.finish(1)
        #expect(vitality.look(at: start).isAlive)
    }

    @Test func theMainThreadMayBeBusyForAWhile() {
        func answered(_ now: Instant) -> Vitality.Finding {
            jobs.finish(0)
            jobs.finish(1)
            return vitality.look(at: now)
        }
        vitality.noteMainBusy(at: start)
        #expect(answered(start + .seconds(59)).isAlive)
        #expect(answered(start + .seconds(61)) == Vitality.Finding(isMainHung: true))
        vitality.noteMainIdle()
        #expect(answered(start + .seconds(62)).isAlive)
    }

    /// Looks until it shows this, for half a minute at most; the shards get time to answer in between.
    private func look(at vitality: Vitality, until condition: (Vitality.Finding) -> Bool) {
        let deadline = Instant.current() + .seconds(30)
        while !condition(vitality.look(at: start)) {
            guard Instant.current() < deadline else {
                Issue.record("half a minute later it is still \(vitality.look(at: start))")
                return
            }
            usleep(2000)
        }
    }

    @Test func realShardsAnswerUnlessTheyAreStuck() throws {
        let shards = try (0..<2).map { try Shard(number: $0) }
        let threads = shards.map { $0.start() }
        let vitality = Vitality(shards)
        look(at: vitality) { $0.isAlive }
        let stuck = BlockingQueue<Bool>(limit: 1)
        let entered = BlockingQueue<Bool>(limit: 1)
        shards[1].post { _ in
            _ = entered.push(true)
            _ = stuck.pop()
        }
        _ = entered.pop()
        look(at: vitality) { $0.hungShards == [1] }
        stuck.close()
        look(at: vitality) { $0.isAlive }
        for shard in shards { shard.post { $0.stop() } }
        for thread in threads { thread.join() }
    }
}
