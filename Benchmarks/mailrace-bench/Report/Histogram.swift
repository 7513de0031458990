/// How often which duration was seen: buckets that grow with the value, as a rule 128 for each power of two, so that a
/// percentile is right within 0.8 %.
struct Histogram: Sendable {
    /// As many as the longest value needs.
    private var buckets: [UInt64] = []
    private let precisionBits: Int
    private(set) var count: UInt64 = 0
    /// The longest seen, exactly, in nanoseconds.
    private(set) var max: UInt64 = 0

    /// Values from here on (73 minutes) share the last bucket.
    private static let valueBits = 42

    /// - Parameter precisionBits: there are 2 to this power of buckets for each power of two.
    init(precisionBits: Int = 7) {
        self.precisionBits = precisionBits
    }

    mutating func record(nanoseconds: UInt64) {
        let bucket = bucket(of: nanoseconds)
        makeRoom(bucket + 1)
        buckets[bucket] += 1
        count += 1
        if nanoseconds > max { max = nanoseconds }
    }

    mutating func merge(_ other: Histogram) {
        precondition(precisionBits == other.precisionBits)
        makeRoom(other.buckets.count)
        for (index, number) in other.buckets.enumerated() { buckets[index] += number }
        count += other.count
        if other.max > max { max = other.max }
    }

    /// The value, in nanoseconds, that `fraction` of all values are not above; nil where there are none.
    func quantile(_ fraction: Double) -> UInt64? {
        guard count > 0 else { return nil }
        let rank = Swift.max(1, UInt64((fraction * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, number) in buckets.enumerated() {
            seen += number
            if seen == count { break }
            if seen >= rank { return highest(inBucket: index) }
        }
        return max
    }

    private mutating func makeRoom(_ count: Int) {
        guard count > buckets.count else { return }
        // To the end of the octave, so that few values make it grow.
        let whole = (count | (1 << precisionBits - 1)) + 1
        buckets += [UInt64](repeating: 0, count: whole - buckets.count)
    }

    /// Small values have a bucket each; above, the bits behind the leading one choose among the octave's.
    private func bucket(of value: UInt64) -> Int {
        let value = Swift.min(value, (1 << Self.valueBits) - 1)
        let octave = Swift.max(0, UInt64.bitWidth - value.leadingZeroBitCount - 1 - precisionBits)
        let shifted = Int(value >> UInt64(octave))
        return octave == 0 ? shifted : octave << precisionBits + shifted
    }

    private func highest(inBucket index: Int) -> UInt64 {
        guard index >= 2 << precisionBits else { return UInt64(index) }
        let octave = index >> precisionBits - 1
        let shifted = UInt64(index - octave << precisionBits)
        return (shifted + 1) << UInt64(octave) - 1
    }
}
