import Testing

@testable import mailrace_bench

@Suite struct HistogramTests {
    @Test func hasNoQuantilesWhileEmpty() {
        #expect(Histogram().quantile(0.5) == nil)
    }

    @Test(arguments: [
        0, 1, 127, 128, 255, 256, 257, 511, 512, 1_000, 65_535, 1_000_000, 123_456_789, 2_199_023_255_551,
    ])
    func keepsOneValueWithinItsPrecision(_ value: UInt64) throws {
        var histogram = Histogram()
        histogram.record(nanoseconds: value)
        histogram.record(nanoseconds: .max)
        let median = try #require(histogram.quantile(0.5))
        #expect(median >= value)
        #expect(Double(median) <= Double(value) * 1.008)
        #expect(histogram.quantile(1) == .max)
    }

    @Test func ranksAsASortedListDoes() throws {
        var histogram = Histogram()
        for value in 1...100 { histogram.record(nanoseconds: UInt64(value)) }
        #expect(histogram.quantile(0.5) == 50)
        #expect(histogram.quantile(0.9) == 90)
        #expect(histogram.quantile(0.99) == 99)
        #expect(histogram.quantile(1) == 100)
        #expect(histogram.count == 100)
    }

    @Test func mergesAsIfAllHadBeenRecordedInOne() {
        var one = Histogram()
        var other = Histogram()
        var both = Histogram()
        var numbers = RandomNumbers(seed: 1)
        for index in 0..<10_000 {
            let value = numbers.next() % 1_000_000_000
            both.record(nanoseconds: value)
            if index % 3 == 0 { one.record(nanoseconds: value) } else { other.record(nanoseconds: value) }
        }
        one.merge(other)
        for fraction in [0.1, 0.5, 0.9, 0.99, 0.999, 1] { #expect(one.quantile(fraction) == both.quantile(fraction)) }
        #expect(one.max == both.max)
        #expect(one.count == both.count)
    }
}
