import Testing

@testable import Ring

@Suite struct InstantTests {
    private static let moment = Instant(nanoseconds: 1_000)

    @Test func addsDurations() {
        #expect(Self.moment + .nanoseconds(5) == Instant(nanoseconds: 1_005))
        #expect(Self.moment + .seconds(2) == Instant(nanoseconds: 2_000_001_000))
        #expect(Self.moment + .zero == Self.moment)
    }

    @Test func aNegativeDurationCountsAsZero() {
        #expect(Self.moment + .seconds(-1) == Self.moment)
        #expect(Self.moment + .nanoseconds(-1) == Self.moment)
    }

    @Test func whatCannotBeHeldIsNever() {
        #expect(Self.moment + .seconds(Int64.max) == .never)
        #expect(Instant(nanoseconds: .max - 1) + .nanoseconds(2) == .never)
        #expect(Instant.never + .seconds(1) == .never)
    }

    /// The last two durations that can be held, what lies below a nanosecond, and beyond 64 bits of attoseconds.
    @Test func durationsAreCutToNanoseconds() {
        #expect(Duration(attoseconds: 999_999_999).wholeNanoseconds == 0)
        #expect(Duration(attoseconds: 1_999_999_999).wholeNanoseconds == 1)
        #expect(Duration.seconds(3_600).wholeNanoseconds == 3_600_000_000_000)
        let most = Int128(UInt64.max) * 1_000_000_000
        #expect(Duration(attoseconds: most + 999_999_999).wholeNanoseconds == .max)
        #expect(Duration(attoseconds: most - 1).wholeNanoseconds == UInt64.max - 1)
        #expect(Duration(attoseconds: most + 1_000_000_000).wholeNanoseconds == .max)
        #expect(Duration(attoseconds: .max).wholeNanoseconds == .max)
        #expect(Duration(attoseconds: .min).wholeNanoseconds == 0)
    }

    @Test func addsNanoseconds() {
        #expect(Self.moment.adding(nanoseconds: 5) == Instant(nanoseconds: 1_005))
        #expect(Self.moment.adding(nanoseconds: .max) == .never)
    }

    @Test func comparesAndMeasures() {
        let later = Instant(nanoseconds: 1_500)
        #expect(Self.moment < later && later < .never)
        #expect(later.nanoseconds(since: Self.moment) == 500)
        #expect(Self.moment.nanoseconds(since: later) == 0)
    }

    @Test func theSystemsTimeGoesOn() {
        let first = Instant.current()
        let second = Instant.current()
        #expect(first <= second && second < .never)
    }
}
