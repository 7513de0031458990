import Ring
import Testing

@testable import Telemetry

@Suite struct RateHistoryTests {
    private let history = RateHistory()

    private func record(_ seconds: Double, _ sessions: UInt64, refused: UInt64 = 0) {
        history.record(at: Instant(nanoseconds: 1_000_000_000 + UInt64(seconds * 1e9))) { value in
            switch value {
            case .sessions: sessions
            case .refused: refused
            case .bytesIn: sessions * 100
            case .bytesOut: 0
            }
        }
    }

    @Test func withoutSamplesThereIsNoRate() {
        #expect(history.perMinute(of: .sessions) == 0)
        #expect(history.series(of: .sessions, .minute).isEmpty)
        record(0, 7)
        #expect(history.perMinute(of: .sessions) == 0)
        #expect(history.series(of: .sessions, .quarterHour).isEmpty)
    }

    @Test func theFirstMinuteIsCountedAsItIs() {
        record(0, 10)
        record(1, 13)
        record(2, 20, refused: 4)
        #expect(history.perMinute(of: .sessions) == 10)
        #expect(history.perMinute(of: .refused) == 4)
        #expect(history.perMinute(of: .bytesIn) == 1000)
        #expect(history.series(of: .sessions, .minute).map(\.perSecond) == [3, 7])
        #expect(history.series(of: .sessions, .minute).map(\.secondsAgo) == [1, 0])
    }

    @Test func whatIsOlderThanAMinuteIsForgotten() {
        for second in 0...200 { record(Double(second), UInt64(second * second)) }
        #expect(history.perMinute(of: .sessions) == 200 * 200 - 140 * 140)
        #expect(history.series(of: .sessions, .minute).count == 60)
        #expect(history.series(of: .sessions, .minute).last?.perSecond == 399)
        let coarse = history.series(of: .sessions, .quarterHour)
        #expect(coarse.count == 20)
        #expect(coarse.first == RateHistory.Point(secondsAgo: 190, perSecond: 10))
    }

    @Test func memoryIsBounded() {
        for second in 0...5000 { record(Double(second), 1) }
        #expect(history.series(of: .sessions, .quarterHour).count == 90)
        #expect(history.series(of: .sessions, .quarterHour).first?.secondsAgo == 890)
    }

    @Test func samplesThatComeTooOftenDoNotCount() {
        for tenth in 0...30 { record(Double(tenth) / 10, UInt64(tenth)) }
        #expect(history.series(of: .sessions, .minute).count == 3)
    }

    /// The machine slept, or the sampler had no processor.
    @Test func aGapIsSpreadOverItsTime() {
        record(0, 0)
        record(600, 1200)
        #expect(history.perMinute(of: .sessions) == 120)
        #expect(history.series(of: .sessions, .minute) == [RateHistory.Point(secondsAgo: 0, perSecond: 2)])
    }

    @Test func aClockThatIsNotQuiteEvenLosesNothing() {
        for step in 0...60 { record(Double(step) + (step % 2 == 0 ? 0.002 : 0), UInt64(step)) }
        #expect(history.perMinute(of: .sessions) == 60)
        #expect(history.series(of: .sessions, .minute).count == 60)
    }

    @Test func aValueThatShrinksIsNoRate() {
        record(0, 10)
        record(1, 5)
        #expect(history.perMinute(of: .sessions) == 0)
        #expect(history.series(of: .sessions, .minute).map(\.perSecond) == [0])
    }
}
