/// Why an exchange has come to nothing. It quotes nothing of the client's.
public enum SASLError: Error, Equatable, CustomStringConvertible {
    /// The line is longer than `SASLServer.lineLimitBytes`.
    case tooLong
    /// The client took it back by `*`.
    case cancelled
    /// The line is not base 64 (RFC 4954 section 4).
    case notBase64
    /// The mechanism begins with the server's challenge, and the client did not wait for it.
    case unexpectedInitialResponse
    /// What the base 64 holds is not what the mechanism asks for, or holds NUL, CR or LF where none may be.
    case malformed
    /// The exchange is over: somebody refused the credentials, and the client has been told why.
    case refused

    public var description: String {
        switch self {
        case .tooLong: "authentication line longer than \(SASLServer.lineLimitBytes) bytes"
        case .cancelled: "authentication cancelled"
        case .notBase64: "authentication line not in base 64"
        case .unexpectedInitialResponse: "initial response to a mechanism that has none"
        case .malformed: "authentication data not valid"
        case .refused: "authentication refused"
        }
    }

    /// What the client is told (RFC 4954 sections 4 and 6).
    public var reply: LocalReply {
        switch self {
        case .tooLong: .authenticationLineTooLong
        case .cancelled: .authenticationCancelled
        case .notBase64: .authenticationNotBase64
        case .unexpectedInitialResponse: .initialResponseNotAllowed
        case .malformed: .authenticationNotValid
        case .refused: .authenticationFailed
        }
    }
}
