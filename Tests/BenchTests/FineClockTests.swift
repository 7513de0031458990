import Glibc
import Ring
import TestSupport
import Testing

@testable import mailrace_bench

@Suite struct FineClockTests {
    /// How late the sleepers woke, in their order; that they waited for a processor does not count.
    private func lateness(
        _ sleepers: Int, hasTimer: Bool = true, milliseconds: @escaping @Sendable (Int) -> Int
    ) throws -> [UInt64] {
        let group = try ShardGroup(1) { shard in
            let clock = hasTimer ? FineClock(shard.ring) : FineClock(shard.ring, timer: -EMFILE)
            let queue = ProcessorQueue()
            let begin = Instant.current()
            var late: [UInt64] = []
            await Workers(sleepers).run(on: shard) {
                let number = late.count
                late.append(0)
                let moment = begin + .milliseconds(milliseconds(number))
                let before = queue.waitedNanoseconds
                await clock.sleep(until: moment)
                let now = Instant.current()
                #expect(now >= moment)
                let lateness = now.nanoseconds(since: moment)
                late[number] = lateness - min(lateness, queue.waitedNanoseconds - before)
            }
            clock.close()
            return late
        }
        return group.wait()[0]
    }

    @Test func sleepersWakeAtTheirMomentsInAnyOrder() throws {
        #expect(try lateness(7) { [30, 10, 20, 10, 0, 40, 5][$0] }.count == 7)
    }

    @Test func manySleepersWakeInAnyOrder() throws {
        #expect(try lateness(5_000) { ($0 * 7_919) % 101 }.count == 5_000)
    }

    @Test func theRingWakesThemWhereThereIsNoTimer() throws {
        #expect(try lateness(7, hasTimer: false) { [30, 10, 20, 10, 0, 40, 5][$0] }.count == 7)
    }

    /// The ring's own timers would be late by half of their tick of 17 ms and more.
    @Test func halfOfThemAreHardlyLate() throws {
        // What the machine does beside may make all late.
        let isFine = try (0..<10).contains { _ in
            try lateness(21) { 3 * $0 }.sorted()[10] < 3_000_000
        }
        #expect(isFine)
    }
}
