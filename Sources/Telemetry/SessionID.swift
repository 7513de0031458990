/// The name of a session: in the log, and in what Mailrace tells others about it.
///
/// 70 bits: the shard (10), the time in milliseconds (42, until the year 2109), a counter of sessions (18). So an
/// id comes again only if the clock is set back and the counter, which never restarts, stands where it stood. As text
/// it is 14 characters of base32 (RFC 4648 section 6, upper case, no padding): safe in a header, a reply and a file
/// name.
public struct SessionID: Sendable, Hashable {
    /// The number of shards that an id can tell apart.
    public static let shardLimit = 1 << shardWidth
    /// The length of an id as text, in characters.
    public static let textLength = 14

    private static let shardWidth = 10
    private static let timeWidth = 42
    private static let counterWidth = 18

    /// The shard that runs the session.
    public let shard: Int
    /// Time, then counter: the lower 60 of the 70 bits.
    private let instant: UInt64

    /// - Parameters:
    ///   - shard: the shard's index, below `shardLimit`.
    ///   - time: when the session began.
    ///   - counter: how many sessions began before; only the lower 18 bits matter.
    public init(shard: Int, time: UTCTime, counter: UInt64) {
        precondition((0..<Self.shardLimit).contains(shard))
        self.shard = shard
        let time = UInt64(truncatingIfNeeded: time.unixMilliseconds) & Self.mask(Self.timeWidth)
        instant = time << Self.counterWidth | counter & Self.mask(Self.counterWidth)
    }

    private static func mask(_ width: Int) -> UInt64 { (1 << width) - 1 }
}

extension SessionID: CustomStringConvertible {
    /// The id as text: 14 characters of `A-Z2-7`.
    public var description: String {
        String(unsafeUninitializedCapacity: Self.textLength) { text in
            let instantDigits = (Self.timeWidth + Self.counterWidth) / 5
            Self.digits(of: UInt64(shard), into: text[..<(Self.textLength - instantDigits)])
            Self.digits(of: instant, into: text[(Self.textLength - instantDigits)...])
            return Self.textLength
        }
    }

    /// Writes the number, most significant digit first, over the whole of `text`.
    private static func digits(of number: UInt64, into text: Slice<UnsafeMutableBufferPointer<UInt8>>) {
        var text = text
        var rest = number
        for index in text.indices.reversed() {
            let digit = UInt8(rest & 31)
            text[index] = digit < 26 ? UInt8(ascii: "A") + digit : UInt8(ascii: "2") + digit - 26
            rest >>= 5
        }
    }
}
