/// A server's whole reply, of one line or of several (RFC 5321 section 4.2). What a `ReplyAssembler` gives.
public struct Reply: Sendable, Equatable {
    /// The longest line of a reply taken, in bytes, its CRLF included. Twice what RFC 5321 section 4.5.3.1.5 promises.
    public static let lineLimitBytes = 1_024
    /// The longest reply taken, in bytes, all its lines together.
    public static let limitBytes = 65_536

    /// The three digits that begin every line. Their range is not checked: `000` and `999` are possible.
    public let code: Int
    /// The reply as it came, every CRLF included.
    public let bytes: [UInt8]
    /// How many lines it has; one at least.
    public let lineCount: Int

    /// 2xx: what was asked for has been done.
    public var isPositiveCompletion: Bool { code / 100 == 2 }
    /// 3xx: the server waits for more.
    public var isPositiveIntermediate: Bool { code / 100 == 3 }
    /// 4xx: not now.
    public var isTransientFailure: Bool { code / 100 == 4 }
    /// 5xx: not at all.
    public var isPermanentFailure: Bool { code / 100 == 5 }
    /// 421: the server closes the connection behind this reply, whatever was asked (RFC 5321 section 3.8).
    public var announcesClosing: Bool { code == 421 }

    /// The text of each line: what stands behind the code and the separator, without the CRLF.
    /// It comes from a peer: escape it before it is logged (`String.init(escaping:limitBytes:)`).
    public var texts: [[UInt8]] {
        lines.map { [UInt8](bytes[textRange(of: $0)]) }
    }

    /// Where each line stands in `bytes`, its CRLF included.
    var lines: Lines { Lines(bytes: bytes) }

    /// Finds the lines one by one: who looks for one needs no list of all.
    struct Lines: Sequence, IteratorProtocol {
        let bytes: [UInt8]
        private var start = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        mutating func next() -> Range<Int>? {
            // Within a line no LF is possible, so that each one ends a line.
            guard let end = bytes[start...].firstIndex(of: .lineFeed) else { return nil }
            defer { start = end + 1 }
            return start..<end + 1
        }
    }

    /// Where the text of a line stands in `bytes`. A line of nothing but a code has none.
    func textRange(of line: Range<Int>) -> Range<Int> {
        let end = line.upperBound - 2
        return min(line.lowerBound + 4, end)..<end
    }
}
