/// The MAIL command (RFC 5321 section 4.1.1.2), with the parameters that Mailrace understands.
public struct MailCommand: Sendable, Equatable {
    /// What the message's lines may hold (RFC 6152, RFC 3030).
    public enum Body: String, Sendable, CaseIterable {
        case sevenBit = "7BIT"
        case eightBitMIME = "8BITMIME"
        case binaryMIME = "BINARYMIME"
    }

    /// What is returned with a failure (RFC 3461 section 4.3).
    public enum Returned: String, Sendable, CaseIterable {
        case full = "FULL"
        case headers = "HDRS"
    }

    /// Nil is the null reverse-path, `<>`.
    public let sender: Mailbox?
    /// All of them, in their order, as they came.
    public let parameters: [EnvelopeParameter]
    /// In bytes, as the client expects it; nil where it does not say. What no number here can hold is the greatest.
    public private(set) var size: Int?
    public private(set) var body: Body?
    public private(set) var usesSMTPUTF8 = false
    public private(set) var requiresTLS = false
    /// Who submitted the message, as a relay before says it (RFC 4954 section 5): decoded; empty for `<>`.
    public private(set) var submitter: [UInt8]?
    public private(set) var returned: Returned?
    /// The envelope's identifier (RFC 3461 section 4.4), in xtext as it came.
    public private(set) var identifier: [UInt8]?

    /// Reads what stands behind MAIL: `Command.argument`.
    public init(argument: [UInt8], syntax: EnvelopeSyntax) throws(EnvelopeCommandError) {
        let (path, rest) = try EnvelopePathReader.read(argument, behind: "FROM:", syntax, else: .badSender)
        sender = path
        parameters = try EnvelopeParameter.list(rest)
        for parameter in parameters { try understand(parameter) }
        if let sender, !sender.isASCII, !usesSMTPUTF8 { throw .needsSMTPUTF8 }
    }

    private mutating func understand(_ parameter: EnvelopeParameter) throws(EnvelopeCommandError) {
        switch parameter.keyword {
        case "SIZE": size = try Self.number(parameter.value)
        case "BODY": body = try parameter.choice()
        case "RET": returned = try parameter.choice()
        case "SMTPUTF8":
            guard parameter.value == nil else { throw .badValue }
            usesSMTPUTF8 = true
        case "REQUIRETLS":
            guard parameter.value == nil else { throw .badValue }
            requiresTLS = true
        case "AUTH": submitter = try Self.submitter(parameter.value)
        case "ENVID": identifier = try parameter.xtext(limitBytes: 100)
        default: break
        }
    }

    private static func number(_ digits: [UInt8]?) throws(EnvelopeCommandError) -> Int {
        guard let number = digits?.decimalNumber else { throw .badValue }
        return number
    }

    private static func submitter(_ value: [UInt8]?) throws(EnvelopeCommandError) -> [UInt8] {
        guard let value, value.count <= 500 else { throw .badValue }
        if value == Array("<>".utf8) { return [] }
        guard let decoded = Xtext.decoded(value), ForbiddenByte.first(in: decoded.span, length: decoded.count) == nil
        else { throw .badValue }
        return decoded
    }
}

/// What MAIL and RCPT begin with.
enum EnvelopePathReader {
    /// The path behind the word, and what stands behind the path.
    static func read(
        _ argument: [UInt8], behind word: String, _ syntax: EnvelopeSyntax, else error: EnvelopeCommandError
    ) throws(EnvelopeCommandError) -> (path: Mailbox?, rest: ArraySlice<UInt8>) {
        let word = Array(word.utf8)
        guard argument.matches(word, at: 0) else { throw .noPath }
        var reader = MailboxReader(bytes: argument, syntax: syntax, index: word.count)
        if syntax == .lenient { _ = reader.run { $0.isBlank } }
        guard !reader.isAtEnd else { throw .noPath }
        guard let path = reader.path() else { throw error }
        return (path, argument[reader.index...])
    }
}

extension EnvelopeParameter {
    /// One of the words that the value may be, in any case of letters.
    func choice<Word: RawRepresentable<String>>() throws(EnvelopeCommandError) -> Word {
        let word = value.map { String(decoding: $0.map(\.uppercased), as: UTF8.self) }
        guard let word, let choice = Word(rawValue: word) else { throw .badValue }
        return choice
    }

    /// The value as it came, where it is xtext whose text is printable US-ASCII.
    func xtext(limitBytes: Int) throws(EnvelopeCommandError) -> [UInt8] {
        guard let value, value.count <= limitBytes, let decoded = Xtext.decoded(value),
            decoded.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .badValue }
        return value
    }
}
