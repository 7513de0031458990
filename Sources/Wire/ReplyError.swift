/// Which rule a line breaks, so that it is no part of a reply. It quotes nothing of the line.
public enum ReplyError: Error, Equatable, CustomStringConvertible {
    /// A line is longer than `Reply.lineLimitBytes`.
    case lineTooLong
    /// The lines together are longer than `Reply.limitBytes`.
    case replyTooLong
    /// No CRLF ends the line.
    case unterminatedLine
    /// The line holds a byte that may not stand within a line.
    case forbidden(ForbiddenByte)
    /// The line does not begin with three digits.
    case noCode
    /// What follows the code is neither a space, nor a dash, nor the end of the line.
    case badSeparator(UInt8)
    /// The line has another code than the first one.
    case codeChanged(from: Int, to: Int)

    public var description: String {
        switch self {
        case .lineTooLong: "reply line longer than \(Reply.lineLimitBytes) bytes"
        case .replyTooLong: "reply longer than \(Reply.limitBytes) bytes"
        case .unterminatedLine: "reply line without CRLF"
        case .forbidden(let byte): "\(byte) in a reply"
        case .noCode: "reply line without a code of three digits"
        case .badSeparator(let byte): "byte 0x\(hexadecimal(byte)) behind the reply code"
        case .codeChanged(let first, let later): "reply code \(first) changes to \(later)"
        }
    }
}
