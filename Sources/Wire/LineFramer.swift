/// Finds the lines in a stream of bytes. Only CRLF ends a line; a bare CR or a bare LF never does (RFC 5321 section
/// 2.3.8).
///
/// The framer holds no bytes. It is handed the unread bytes of a stream, from the oldest on, again and again as they
/// grow, and remembers how far it has looked, so that a line costs one pass however many reads it arrives in.
public struct LineFramer: Sendable {
    /// What stands at the front of the unread bytes.
    public enum Outcome: Sendable, Equatable {
        /// A line of `length` bytes, its CRLF included. The next call expects these bytes to be gone.
        case line(length: Int)
        /// No whole line yet. The next call expects the same bytes, and more behind them.
        case incomplete
        /// As many bytes as a line may have, and no CRLF among them. What is left of the line is for a `LineDiscarder`,
        /// which expects all of the unread bytes; afterwards the framer goes on with the next line.
        case tooLong
    }

    /// The longest line taken, in bytes, its CRLF included.
    public let limitBytes: Int

    /// Where in the unread bytes the LF of a line's end may stand first.
    private var candidate = 1

    /// A framer that stands at the start of a line. `limitBytes` leaves room for a CRLF at least.
    public init(limitBytes: Int) {
        precondition(limitBytes >= 2)
        self.limitBytes = limitBytes
    }

    /// Looks for the first line in `bytes`, the unread bytes.
    public mutating func next(in bytes: Span<UInt8>) -> Outcome {
        let end = min(bytes.count, limitBytes)
        while candidate < end {
            switch bytes[candidate] {
            case .lineFeed where bytes[candidate - 1] == .carriageReturn:
                let length = candidate + 1
                candidate = 1
                return .line(length: length)
            case .carriageReturn:
                candidate += 1
            default:
                // No CR: the LF that ends a line cannot be the next byte.
                candidate += 2
            }
        }
        guard end < limitBytes else {
            candidate = 1
            return .tooLong
        }
        return .incomplete
    }
}
