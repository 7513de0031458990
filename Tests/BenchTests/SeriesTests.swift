import Ring
import Testing

@testable import mailrace_bench

@Suite struct SeriesTests {
    private let begin = Instant(nanoseconds: 1_000_000_000_000)

    private func after(_ milliseconds: Int) -> Instant { begin + .milliseconds(milliseconds) }

    @Test func countsWhereThingsHappened() {
        var series = TimeSeries(begin: begin)
        series.noteSession(nanoseconds: 5_000_000, at: after(0))
        series.noteMessage(700, nanoseconds: 3_000_000, at: after(99))
        series.noteMessage(700, nanoseconds: 3_000_000, at: after(250))
        series.noteFailure(at: after(100))
        #expect(series.slots.map(\.sessions) == [1, 0, 0])
        #expect(series.slots.map(\.messages) == [1, 0, 1])
        #expect(series.slots.map(\.bytes) == [700, 0, 700])
        #expect(series.slots.map(\.failures) == [0, 1, 0])
    }

    @Test func growsCoarserAndLosesNothing() {
        var series = TimeSeries(begin: begin)
        for second in 0..<10_000 { series.noteMessage(1, nanoseconds: 1_000, at: after(1_000 * second + 500)) }
        #expect(series.intervalSeconds == 2)
        #expect(series.slots.count == 5_000)
        #expect(series.slots.allSatisfy { $0.messages == 2 && $0.messageTimes.count == 2 })
    }

    @Test func joinsShardsOfDifferentGrain() {
        var one = TimeSeries(begin: begin)
        var other = TimeSeries(begin: begin)
        one.noteMessage(1, nanoseconds: 1_000, at: after(50))
        other.noteMessage(1, nanoseconds: 1_000, at: after(150))
        other.noteMessage(1, nanoseconds: 1_000, at: after(61_000))
        for merged in [(one, other), (other, one)] {
            var sum = merged.0
            sum.merge(merged.1)
            #expect(sum.intervalSeconds == 1)
            #expect(sum.slots.map(\.messages) == [2] + [Int](repeating: 0, count: 60) + [1])
        }
    }

    @Test func isATable() {
        var series = TimeSeries(begin: begin)
        series.noteMessage(700, nanoseconds: 1_000_000, at: after(150))
        let lines = series.csv.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1] == "0.0,0,0,0,0,,,,")
        #expect(lines[2].hasPrefix("0.1,0,1,700,0,,,1.0"))
        let columns = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
        #expect(Set(columns) == [9])
    }

    @Test func isAPicture() {
        var series = TimeSeries(begin: begin)
        for step in [0, 1, 2, 5] { series.noteMessage(1, nanoseconds: 4_000_000, at: after(100 * step)) }
        let svg = Chart(series, title: "a < b & c").svg
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        #expect(svg.contains("a &lt; b &amp; c"))
        // The line is broken where nothing happened; nothing is fetched from elsewhere.
        #expect(svg.split(separator: "M", omittingEmptySubsequences: false).count > 3)
        #expect(svg.ranges(of: "http").count == 1, "the name of the format alone")
    }

    @Test func aRateIsThatOfTheTimeThereWas() throws {
        var series = TimeSeries(begin: begin)
        for milliseconds in stride(from: 0, through: 260, by: 10) {
            series.noteMessage(1, nanoseconds: 1, at: after(milliseconds))
        }
        func rates() throws -> [Double?] {
            try #require(Chart(series, title: "").panels.last?.lines.first?.values.map { $0?.rounded() })
        }
        #expect(try rates() == [100, 100, 117])
        series.noteMessage(1, nanoseconds: 1, at: after(340))
        // Too little of the last interval is there to tell.
        #expect(try rates() == [100, 100, 70, nil])
    }

    @Test(arguments: [(0.3, 0.05), (6.1, 1), (8, 1), (8.1, 2), (60, 10), (300, 50), (0, 1)])
    func stepsAreRound(_ seconds: Double, _ step: Double) {
        #expect(abs(Chart.roundStep(of: seconds) - step) < step * 1e-9)
    }

    @Test func theWarmUpIsMarked() {
        var series = TimeSeries(begin: begin)
        series.noteMessage(1, nanoseconds: 1, at: after(1_900))
        #expect(Chart(series, title: "", warmUp: .seconds(1)).svg.contains(">warm-up<"))
        #expect(!Chart(series, title: "").svg.contains(">warm-up<"))
    }

    @Test func anEmptyRunHasAPictureToo() {
        #expect(Chart(TimeSeries(begin: begin), title: "").svg.contains("</svg>"))
    }

    @Test(arguments: [(0, 1), (1, 1), (1.1, 2), (3, 4), (7, 8), (9, 10), (0.03, 0.04), (1_234, 2_000)])
    func scalesAreRound(_ value: Double, _ scale: Double) {
        #expect(abs(Chart.roundScale(atLeast: value) - scale) < scale * 1e-9)
    }

    @Test(arguments: [(0, "0"), (0.25, "0.25"), (1_500, "1500"), (12_000, "12k"), (2_500_000, "2.5M")])
    func numbersAreShort(_ value: Double, _ text: String) {
        #expect(Chart.short(value) == text)
    }

    @Test func progressTellsRates() {
        let progress = Progress()
        for _ in 0..<30 { progress.noteMessage(1 << 20) }
        for _ in 0..<10 { progress.noteSession() }
        progress.noteFailure()
        let moment = progress.moment(seconds: 2)
        let line = moment.line(since: Progress.Moment(sessions: 5, messages: 10, bytes: 0, failures: 0, seconds: 1))
        #expect(line == "2 s: 10 sessions, 30 messages, 1 failed; 5 sessions/s, 20 messages/s, 30.0 MiB/s")
    }
}
