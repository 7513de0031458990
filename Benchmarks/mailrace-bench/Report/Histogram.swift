/// How often which duration was seen: buckets that grow with the value, 128 for each power of two, so that a
/// percentile is right within 0.8 %.
struct Histogram: Sendable {
    private var buckets: [UInt64]
    private(set) var count: UInt64 = 0
    /// The longest seen, exactly, in nanoseconds.
    private(set) var max: UInt64 = 0

    private static let subBucketBits = 7
    private static let subBuckets = 1 << subBucketBits
    /// Values from here on (73 minutes) share the last bucket.
    private static let valueBits = 42

    init() {
        let octaves = Self.valueBits - Self.subBucketBits
        buckets = [UInt64](repeating: 0, count: (octaves + 1) * Self.subBuckets)
    }

    mutating func record(nanoseconds: UInt64) {
        buckets[Self.bucket(of: nanoseconds)] += 1
        count += 1
        if nanoseconds > max { max = nanoseconds }
    }

    mutating func merge(_ other: Histogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
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
            if seen >= rank { return Self.highest(inBucket: index) }
        }
        return max
    }

    /// Below 128 each value has its bucket; above, the seven bits behind the leading one choose among the octave's.
    private static func bucket(of value: UInt64) -> Int {
        let value = Swift.min(value, (1 << valueBits) - 1)
        let octave = Swift.max(0, UInt64.bitWidth - value.leadingZeroBitCount - 1 - subBucketBits)
        let shifted = Int(value >> UInt64(octave))
        return octave == 0 ? shifted : octave * subBuckets + shifted
    }

    private static func highest(inBucket index: Int) -> UInt64 {
        guard index >= 2 * subBuckets else { return UInt64(index) }
        let octave = index / subBuckets - 1
        let shifted = UInt64(index - octave * subBuckets)
        return (shifted + 1) << UInt64(octave) - 1
    }
}
