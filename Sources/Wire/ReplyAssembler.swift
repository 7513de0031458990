/// Puts a server's reply together, one line at a time (RFC 5321 section 4.2.1).
///
/// A line is three digits, then a dash if more lines follow, or a space, or nothing at all, then text. All lines of a
/// reply have one code.
public struct ReplyAssembler: Sendable {
    private var code: Int?
    private var bytes: [UInt8] = []
    private var lineCount = 0

    /// An assembler that stands before the first line of a reply.
    public init() {}

    /// Whether lines of a reply are held whose last line is still to come.
    public var isWithinReply: Bool { lineCount > 0 }

    /// Adds one line, its CRLF included. Gives the reply when the line is its last, and stands before the next reply
    /// then; otherwise nil. A line that throws is not added.
    public mutating func add(_ line: Span<UInt8>) throws(ReplyError) -> Reply? {
        guard line.count <= Reply.lineLimitBytes else { throw .lineTooLong }
        guard line.count <= Reply.limitBytes - bytes.count else { throw .replyTooLong }
        guard line.endsInLineEnd else { throw .unterminatedLine }
        let end = line.count - 2
        if let byte = ForbiddenByte.first(in: line, length: end) { throw .forbidden(byte) }
        let code = try Self.code(of: line, length: end)
        if let first = self.code, first != code { throw .codeChanged(from: first, to: code) }
        let isLast = try Self.isLast(line, length: end)

        // A reply of several lines is nearly always one to EHLO, for which this is enough.
        if bytes.isEmpty { bytes.reserveCapacity(isLast ? line.count : 256) }
        bytes.append(line, in: 0..<line.count)
        lineCount += 1
        guard isLast else {
            self.code = code
            return nil
        }
        let reply = Reply(code: code, bytes: bytes, lineCount: lineCount)
        self = ReplyAssembler()
        return reply
    }

    /// The code that begins the first `length` bytes of `line`.
    private static func code(of line: Span<UInt8>, length: Int) throws(ReplyError) -> Int {
        guard length >= 3, let hundreds = line[0].decimalValue, let tens = line[1].decimalValue,
            let ones = line[2].decimalValue
        else { throw .noCode }
        return hundreds * 100 + tens * 10 + ones
    }

    /// Whether the separator says that no line follows.
    private static func isLast(_ line: Span<UInt8>, length: Int) throws(ReplyError) -> Bool {
        guard length > 3 else { return true }
        switch line[3] {
        case .space: return true
        case .dash: return false
        default: throw .badSeparator(line[3])
        }
    }
}
