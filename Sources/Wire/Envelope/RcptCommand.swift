/// The RCPT command (RFC 5321 section 4.1.1.3), with the parameters that Mailrace understands.
public struct RcptCommand: Sendable, Equatable {
    /// What the sender wants to hear of (RFC 3461 section 4.1).
    public enum Notification: String, Sendable, CaseIterable {
        case never = "NEVER"
        case success = "SUCCESS"
        case failure = "FAILURE"
        case delay = "DELAY"
    }

    public let recipient: Mailbox
    /// All of them, in their order, as they came.
    public let parameters: [EnvelopeParameter]
    /// Nil where the client does not say.
    public private(set) var notifications: Set<Notification>?
    /// The recipient whom the sender had in mind (RFC 3461 section 4.2), as it came: `rfc822;user@example.com`.
    public private(set) var originalRecipient: [UInt8]?

    /// Reads what stands behind RCPT: `Command.argument`.
    ///
    /// - Parameter usesSMTPUTF8: As MAIL of the transaction had it.
    public init(argument: [UInt8], syntax: EnvelopeSyntax, usesSMTPUTF8: Bool) throws(EnvelopeCommandError) {
        let (path, rest) = try EnvelopePathReader.read(argument, behind: "TO:", syntax, else: .badRecipient)
        guard let path else { throw .badRecipient }
        recipient = path
        parameters = try EnvelopeParameter.list(rest)
        for parameter in parameters {
            switch parameter.keyword {
            case "NOTIFY": notifications = try Self.notifications(parameter.value)
            case "ORCPT": originalRecipient = try Self.originalRecipient(parameter.value)
            default: break
            }
        }
        if !recipient.isASCII, !usesSMTPUTF8 { throw .needsSMTPUTF8 }
    }

    private static func notifications(_ value: [UInt8]?) throws(EnvelopeCommandError) -> Set<Notification> {
        guard let value else { throw .badValue }
        var found: Set<Notification> = []
        for word in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let word = String(decoding: word.map(\.uppercased), as: UTF8.self)
            guard let notification = Notification(rawValue: word), found.insert(notification).inserted else {
                throw .badValue
            }
        }
        guard !found.contains(.never) || found.count == 1 else { throw .badValue }
        return found
    }

    /// A type, a semicolon, an address in xtext; in UTF-8 where the type is `utf-8` (RFC 6533 section 3).
    private static func originalRecipient(_ value: [UInt8]?) throws(EnvelopeCommandError) -> [UInt8] {
        guard let value, value.count <= 500, let semicolon = value.firstIndex(of: UInt8(ascii: ";")), semicolon > 0,
            semicolon + 1 < value.count,
            value[..<semicolon].allSatisfy({ MailboxReader.isLetterOrDigit($0) || $0 == .dash })
        else { throw .badValue }
        let address = value[(semicolon + 1)...]
        let isUTF8 = value[..<semicolon].map(\.uppercased) == Array("UTF-8".utf8)
        guard isUTF8 || Xtext.decoded(address) != nil else { throw .badValue }
        return value
    }
}
