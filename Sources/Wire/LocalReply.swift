/// A reply of Mailrace's own: one line, with an enhanced status code (RFC 2034) for those who understand it.
///
/// Whatever it is made from, the line that goes out is printable US-ASCII and at most `lineLimitBytes` long.
public struct LocalReply: Sendable, Equatable {
    /// The longest reply line, in bytes, its CRLF included (RFC 5321 section 4.5.3.1.5).
    public static let lineLimitBytes = 512
    /// The longest text, in bytes. What `rendered` puts around it fits into `lineLimitBytes` with it.
    public static let textLimitBytes = 400
    /// The longest session id, in bytes.
    public static let sessionIDLimitBytes = 64

    public let code: Int
    public let status: EnhancedStatus
    /// Printable US-ASCII.
    public let text: String

    /// A reply with a text from elsewhere, which is escaped and cut.
    ///
    /// Nil if the first of the three digits of `code` is not the class of `status` (RFC 2034 section 4).
    public init?(code: Int, status: EnhancedStatus, text: String) {
        guard code / 100 == status.classDigit else { return nil }
        self.code = code
        self.status = status
        self.text = String(escaping: text.utf8, limitBytes: Self.textLimitBytes)
    }

    /// A reply that this program states itself; it is a mistake in the program if it is not one.
    init(stated code: Int, _ classDigit: Int, _ subject: Int, _ detail: Int, _ text: String) {
        guard let status = EnhancedStatus(classDigit, subject, detail),
            let reply = LocalReply(code: code, status: status, text: text), reply.text == text
        else { preconditionFailure("no reply: \(code) \(classDigit).\(subject).\(detail) \(text)") }
        self = reply
    }

    /// The line to send, its CRLF included.
    ///
    /// - Parameters:
    ///   - enhanced: Whether the enhanced status code is shown; not to a client that greeted with HELO.
    ///   - sessionID: Ends a 4xx or 5xx reply, in brackets, so that a bounce can be found in the log. It is escaped
    ///     and cut; nil if there is no session yet.
    public func rendered(enhanced: Bool, sessionID: String?) -> [UInt8] {
        var line = "\(code) "
        if enhanced { line += "\(status) " }
        line += text
        if status.classDigit != 2, let sessionID {
            line += " [" + String(escaping: sessionID.utf8, limitBytes: Self.sessionIDLimitBytes) + "]"
        }
        return Array(line.utf8) + [.carriageReturn, .lineFeed]
    }
}
