import Testing

@testable import Ring

/// The wheel alone, under a clock that the test turns.
@Suite struct TimerWheelTests {
    private static let tickNanoseconds: UInt64 = 1 << TimerWheel.tickShift
    /// Some time after the machine's start, in the middle of a tick and of every wheel.
    private static let start = Instant(nanoseconds: 123_456 * tickNanoseconds + 789)

    /// Notes how often it was told.
    final class Target: DeadlineTarget {
        let number: Int
        var calls = 0

        init(_ number: Int) {
            self.number = number
        }

        func deadlinePassed() { calls += 1 }
    }

    /// A wheel with one timer.
    final class One {
        var wheel: TimerWheel
        let target = Target(0)
        let timer: SlotID
        var now: Instant
        var wakeUps = 0

        init(at start: Instant) {
            wheel = TimerWheel(now: start)
            timer = wheel.add(target)
            now = start
        }

        func setDeadline(ticks: UInt64) {
            let deadline = Instant(nanoseconds: now.nanoseconds + ticks * TimerWheelTests.tickNanoseconds)
            wheel.setDeadline(deadline, of: timer)
        }

        func advance(to instant: Instant) -> Int {
            now = instant
            var due: [any DeadlineTarget] = []
            wheel.advance(to: now, into: &due)
            return due.count
        }

        /// Goes from wake-up to wake-up, as a shard does, until the timer is due; the time of that.
        func runUntilDue(wakeUpsLimit: Int = 10_000) -> Instant? {
            while wakeUps < wakeUpsLimit {
                let next = wheel.nextWakeUp()
                guard next != .never else { return nil }
                wakeUps += 1
                if advance(to: max(next, now)) > 0 { return now }
            }
            return nil
        }
    }

    @Test func isQuietWithoutDeadlines() {
        let one = One(at: Self.start)
        #expect(one.wheel.nextWakeUp() == .never)
        #expect(one.advance(to: Self.start + .seconds(1_000_000)) == 0)
        #expect(one.wheel.count == 1)
    }

    /// Around the borders of each wheel, from every place the clock may have in the finest.
    @Test(
        arguments: [0, 1, 2, 254, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_535, 65_536, 65_537, 131_071]
            as [UInt64])
    func isDueOnTime(ticks: UInt64) {
        for phase in stride(from: UInt64(0), through: 255, by: 3) {
            let start = Instant(nanoseconds: Self.start.nanoseconds + phase * Self.tickNanoseconds)
            let one = One(at: start)
            one.setDeadline(ticks: ticks)
            let deadline = one.wheel.deadline(of: one.timer)
            guard let due = one.runUntilDue() else {
                Issue.record("\(ticks) ticks from phase \(phase): never due")
                return
            }
            #expect(due >= deadline)
            #expect(due.nanoseconds - deadline.nanoseconds <= 2 * Self.tickNanoseconds)
            #expect(one.wakeUps <= 4)
        }
    }

    /// The range of the last wheel is 78 hours.
    @Test(arguments: [255 << 16, 256 << 16, 257 << 16, (300 << 16) + 255, 2_000 << 16] as [UInt64])
    func waitsBeyondTheLastWheel(ticks: UInt64) throws {
        for phase in stride(from: UInt64(0), to: 65_536, by: 1_021) {
            let one = One(at: Instant(nanoseconds: Self.start.nanoseconds + phase * Self.tickNanoseconds))
            one.setDeadline(ticks: ticks)
            let deadline = one.wheel.deadline(of: one.timer)
            let due = try #require(one.runUntilDue())
            #expect(due >= deadline)
            #expect(due.nanoseconds - deadline.nanoseconds <= 2 * Self.tickNanoseconds)
        }
    }

    @Test func aDeadlineThatHasPassedIsDueWithinTwoTicks() throws {
        let one = One(at: Self.start)
        one.wheel.setDeadline(Instant(nanoseconds: 5), of: one.timer)
        let due = try #require(one.runUntilDue())
        #expect(due.nanoseconds - Self.start.nanoseconds <= 2 * Self.tickNanoseconds)
    }

    @Test func isDueOnce() {
        let one = One(at: Self.start)
        one.setDeadline(ticks: 3)
        #expect(one.advance(to: one.now + .seconds(1)) == 1)
        #expect(one.wheel.deadline(of: one.timer) == .never)
        #expect(one.advance(to: one.now + .seconds(1_000)) == 0)
    }

    @Test func isDueOnceAfterMovingAwayAndBack() {
        let one = One(at: Self.start)
        for _ in 0..<10 {
            one.setDeadline(ticks: 100)
            one.setDeadline(ticks: 2)
        }
        #expect(one.advance(to: one.now + .seconds(10)) == 1)
        #expect(one.advance(to: one.now + .seconds(10)) == 0)
    }

    @Test func farthestDeadlineOfAllDoesNotOverflow() {
        let one = One(at: Self.start)
        one.wheel.setDeadline(Instant(nanoseconds: .max - 1), of: one.timer)
        #expect(one.wheel.nextWakeUp() < .never)
        #expect(one.advance(to: Self.start + .seconds(365 * 86_400)) == 0)
    }

    /// Sleeping machines: a clock that jumps loses nothing and calls nobody early.
    @Test(arguments: [1, 60, 3_600, 5 * 3_600, 100 * 3_600, 1_000 * 3_600] as [Int])
    func aJumpOfTheClockLosesNothing(seconds: Int) {
        var random = Random(seed: UInt64(seconds))
        var wheel = TimerWheel(now: Self.start)
        let targets = (0..<500).map(Target.init)
        var deadlines: [Instant] = []
        for target in targets {
            let timer = wheel.add(target)
            let deadline = Self.start + .milliseconds(Int.random(in: 0..<(seconds * 2_000), using: &random))
            wheel.setDeadline(deadline, of: timer)
            deadlines.append(deadline)
        }
        let landing = Self.start + .seconds(seconds)
        var due: [any DeadlineTarget] = []
        // A deadline in the last tick before the landing may be told in the next one.
        wheel.advance(to: landing, into: &due)
        for target in due { target.deadlinePassed() }
        for target in targets where target.calls > 0 { #expect(deadlines[target.number] <= landing) }
        due = []
        wheel.advance(to: landing + .milliseconds(34), into: &due)
        for target in due { target.deadlinePassed() }
        for target in targets {
            #expect(target.calls <= 1)
            if deadlines[target.number] <= landing { #expect(target.calls == 1) }
        }
    }

    /// Against a plain list of deadlines: what becomes due, when, and nothing else.
    @Test(arguments: 0..<6)
    func behavesAsAListOfDeadlines(seed: Int) {
        let model = Model(seed: UInt64(seed))
        for _ in 0..<1_500 {
            model.change()
            model.step()
            if model.failure != nil { break }
        }
        #expect(model.failure == nil)
    }

    @Test func tenThousandTimersAreAllDueOnTime() {
        let model = Model(seed: 99)
        for _ in 0..<10_000 { model.add() }
        var steps = 0
        while model.wheel.nextWakeUp() != .never && model.failure == nil && steps < 100_000 {
            model.stepToWakeUp(lookingForLate: steps.isMultiple(of: 100))
            steps += 1
        }
        #expect(model.failure == nil)
        #expect(model.pending == 0)
    }

    private final class Model {
        var wheel = TimerWheel(now: TimerWheelTests.start)
        private var now = TimerWheelTests.start
        private var random: Random
        private var timers: [(id: SlotID, target: Target, deadline: Instant)?] = []
        private(set) var failure: String?

        init(seed: UInt64) {
            random = Random(seed: seed)
        }

        var pending: Int { timers.count { $0.map { $0.deadline != .never } ?? false } }

        private func someDeadline() -> Instant {
            let tick = Int(TimerWheelTests.tickNanoseconds)
            return switch Int.random(in: 0..<8, using: &random) {
            case 0: now + .nanoseconds(Int.random(in: 0..<(2 * tick), using: &random))
            case 1, 2: now + .nanoseconds(Int.random(in: 0..<(300 * tick), using: &random))
            case 3, 4: now + .nanoseconds(Int.random(in: 0..<(70_000 * tick), using: &random))
            case 5: now + .nanoseconds((256 << Int.random(in: 0..<12, using: &random)) * tick)
            case 6: now + .nanoseconds(Int.random(in: 0..<(20_000_000 * tick), using: &random))
            default: Instant(nanoseconds: now.nanoseconds - UInt64.random(in: 0..<UInt64(tick), using: &random))
            }
        }

        func add() {
            let target = Target(timers.count)
            let id = wheel.add(target)
            let deadline = someDeadline()
            wheel.setDeadline(deadline, of: id)
            timers.append((id, target, deadline))
        }

        func change() {
            guard let index = timers.indices.randomElement(using: &random), let timer = timers[index] else {
                return add()
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<3: add()
            case 3:
                wheel.remove(timer.id)
                timers[index] = nil
            case 4:
                wheel.setDeadline(.never, of: timer.id)
                timers[index]?.deadline = .never
            default:
                let deadline = someDeadline()
                wheel.setDeadline(deadline, of: timer.id)
                timers[index]?.deadline = deadline
            }
        }

        func step() {
            if Bool.random(using: &random) { return stepToWakeUp() }
            let tick = Int(TimerWheelTests.tickNanoseconds)
            let jump = Int.random(in: 0..<100, using: &random) == 0 ? 3_000_000 : 40
            advance(to: now + .nanoseconds(Int.random(in: 0..<(jump * tick), using: &random)))
        }

        func stepToWakeUp(lookingForLate: Bool = true) {
            let next = wheel.nextWakeUp()
            guard next != .never else { return }
            advance(to: max(next, now), lookingForLate: lookingForLate)
        }

        private func advance(to instant: Instant, lookingForLate: Bool = true) {
            now = instant
            var due: [any DeadlineTarget] = []
            wheel.advance(to: now, into: &due)
            for case let target as Target in due {
                guard let timer = timers[target.number] else {
                    failure = "a removed timer was told"
                    return
                }
                if timer.deadline > now { failure = "told early" }
                timers[target.number]?.deadline = .never
            }
            guard lookingForLate, timers.contains(where: { $0.map { late($0.deadline) } ?? false }) else { return }
            failure = "not told"
        }

        private func late(_ deadline: Instant) -> Bool {
            now.nanoseconds(since: deadline) > 2 * TimerWheelTests.tickNanoseconds
        }
    }
}
