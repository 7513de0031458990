/// Why the argument of a command is not taken. It quotes nothing of the client's.
public enum EnvelopeCommandError: Error, Equatable, CustomStringConvertible {
    /// The argument does not begin as the command's does (`FROM:`, `TO:`), or there is none.
    case noPath
    /// The path of MAIL is no address.
    case badSender
    /// The path of RCPT is no address.
    case badRecipient
    /// A parameter is not of the form `keyword` or `keyword=value`, or there are too many.
    case badParameters
    /// A parameter stands there twice, or two that do not go together.
    case conflictingParameters
    /// A parameter that Mailrace knows has no value, or one that it cannot have.
    case badValue
    /// An address needs SMTPUTF8, and the parameter is not there (RFC 6531 section 3.5).
    case needsSMTPUTF8
    /// A client's name is missing, is not one word, or is too long.
    case badName
    /// What follows BDAT is no size.
    case badChunk

    public var description: String {
        switch self {
        case .noPath: "command without its path"
        case .badSender: "sender not an address"
        case .badRecipient: "recipient not an address"
        case .badParameters: "parameters not valid"
        case .conflictingParameters: "parameters that do not go together"
        case .badValue: "value of a parameter not valid"
        case .needsSMTPUTF8: "address that needs SMTPUTF8"
        case .badName: "client's name not valid"
        case .badChunk: "size of a chunk not valid"
        }
    }

    /// What the client is told.
    public var reply: LocalReply {
        switch self {
        case .noPath: Self.noPathReply
        case .badSender: Self.badSenderReply
        case .badRecipient: Self.badRecipientReply
        case .badParameters: Self.badParametersReply
        case .conflictingParameters: Self.conflictingParametersReply
        case .badValue: Self.badValueReply
        case .needsSMTPUTF8: Self.needsSMTPUTF8Reply
        case .badName: Self.badNameReply
        case .badChunk: Self.badChunkReply
        }
    }

    private static let noPathReply = LocalReply(stated: 501, 5, 5, 4, "Syntax: MAIL FROM:<address>, RCPT TO:<address>")
    private static let badSenderReply = LocalReply(stated: 501, 5, 1, 7, "Bad sender address syntax")
    private static let badRecipientReply = LocalReply(stated: 501, 5, 1, 3, "Bad recipient address syntax")
    private static let badParametersReply = LocalReply(stated: 501, 5, 5, 4, "Parameters not valid")
    private static let conflictingParametersReply = LocalReply(stated: 501, 5, 5, 4, "Parameters do not go together")
    private static let badValueReply = LocalReply(stated: 501, 5, 5, 4, "Value of a parameter not valid")
    private static let needsSMTPUTF8Reply = LocalReply(stated: 553, 5, 6, 7, "Address needs SMTPUTF8")
    private static let badNameReply = LocalReply(stated: 501, 5, 5, 4, "Syntax: EHLO name, HELO name")
    private static let badChunkReply = LocalReply(stated: 501, 5, 5, 4, "Syntax: BDAT size [LAST]")
}
