/// The name in HELO or EHLO (RFC 5321 section 4.1.1.1): one word that the client calls itself.
///
/// What it says is foreign text, however it looks; a client with a name that is neither a domain nor an address literal
/// is no less welcome, unless a check says so.
public struct GreetingName: Sendable, Equatable {
    /// The longest name taken, in bytes.
    public static let limitBytes = 255

    public enum Form: Sendable {
        case domain, addressLiteral
        /// Neither of the two: `my_laptop`, `192.0.2.1`.
        case other
    }

    public let bytes: [UInt8]
    public let form: Form

    /// Reads what stands behind HELO or EHLO: `Command.argument`.
    public init(argument: [UInt8]) throws(EnvelopeCommandError) {
        let word = Array(argument.drop(while: \.isBlank))
        guard 1...Self.limitBytes ~= word.count, word.allSatisfy({ $0 > .space && $0 != 0x7F }),
            String(validating: word, as: UTF8.self) != nil
        else { throw .badName }
        bytes = word
        var reader = MailboxReader(bytes: word, syntax: .strict)
        let isName = reader.domain() != nil && reader.isAtEnd
        switch word[0] {
        case _ where !isName: form = .other
        case UInt8(ascii: "["): form = .addressLiteral
        // An address without brackets is made of labels as well.
        case _ where IPAddress.ipv4(word.span, in: word.indices) != nil: form = .other
        default: form = .domain
        }
    }
}
