import Testing

@testable import Ring

/// What timers that are removed long before their deadline leave behind.
@Suite struct TimerWheelSweepTests {
    private final class Target: DeadlineTarget {
        var calls = 0

        func deadlinePassed() { calls += 1 }
    }

    @Test func leftoversDoNotPileUpUntilTheirTime() {
        let start = Instant(nanoseconds: 1 << 40)
        var wheel = TimerWheel(now: start)
        let target = Target()
        let lasting = (1...100).map { seconds in
            let timer = wheel.add(target)
            wheel.setDeadline(start + .seconds(seconds), of: timer)
            return timer
        }
        for number in 0..<100_000 {
            let timer = wheel.add(target)
            wheel.setDeadline(start + .seconds(300 + number % 3600), of: timer)
            wheel.setDeadline(start + .seconds(30), of: timer)
            wheel.remove(timer)
        }
        #expect(wheel.entryCount < 2000)
        #expect(wheel.count == 100)

        // Those that are still there are all told, in their time.
        var told = 0
        for seconds in 1...101 {
            var due: [any DeadlineTarget] = []
            wheel.advance(to: start + .seconds(seconds) + .milliseconds(40), into: &due)
            told += due.count
            #expect(told == min(seconds, 100))
        }
        for timer in lasting { wheel.remove(timer) }
        #expect(wheel.count == 0)
    }
}
