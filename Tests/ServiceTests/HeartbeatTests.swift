import Ring
import Testing

@testable import Service

@Suite struct HeartbeatTests {
    @Test func itBeatsUntilItIsEnded() {
        let beats = BlockingQueue<Instant>(limit: 10_000)
        let heartbeat = Heartbeat(interval: .milliseconds(2)) { _ = beats.push($0) }
        let times = (0..<5).compactMap { _ in beats.pop() }
        heartbeat.end()
        beats.close()
        #expect(times == times.sorted())
        // The first may be late by an interval.
        #expect(times[4].nanoseconds(since: times[0]) >= 6_000_000)
    }

    @Test func theFirstBeatIsAtOnceAndTheEndToo() {
        let beats = BlockingQueue<Instant>(limit: 1)
        let start = Instant.current()
        let heartbeat = Heartbeat(interval: .seconds(3600)) { _ = beats.push($0) }
        #expect(beats.pop() != nil)
        heartbeat.end()
        #expect(Instant.current().nanoseconds(since: start) < 10_000_000_000)
    }

    @Test func slowBeatsAreNotMadeUpFor() {
        let beats = BlockingQueue<Instant>(limit: 10_000)
        let held = BlockingQueue<Bool>(limit: 1)
        let heartbeat = Heartbeat(interval: .milliseconds(1)) { now in
            _ = beats.push(now)
            _ = held.pop()
        }
        _ = beats.pop()
        let released = Instant.current()
        held.close()
        let later = (0..<5).compactMap { _ in beats.pop() }
        heartbeat.end()
        #expect(later[4].nanoseconds(since: released) >= 3_000_000)
    }
}
