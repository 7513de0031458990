/// Another client's identity, as XCLIENT and XFORWARD tell it.
///
/// Nil is what is not told at all; what is told is a value, or that there is none.
public struct ClientIdentity: Sendable, Equatable {
    /// What an attribute says.
    public enum Told<Value: Sendable & Equatable>: Sendable, Equatable {
        case known(Value)
        /// `[UNAVAILABLE]`: there is none, and there will be none.
        case unavailable
        /// `[TEMPUNAVAIL]`: it could not be found out just now.
        case temporarilyUnavailable

        /// Nil unless it is known.
        public var value: Value? {
            if case .known(let value) = self { value } else { nil }
        }
    }

    public enum Dialogue: String, Sendable, CaseIterable {
        case smtp = "SMTP"
        case esmtp = "ESMTP"
    }

    /// Where a message came into the mail system (XFORWARD).
    public enum Source: String, Sendable, CaseIterable {
        case local = "LOCAL"
        case remote = "REMOTE"
    }

    /// The host name of the address.
    public var name: Told<[UInt8]>?
    /// What the DNS has as the host name, whether it leads back to the address or not.
    public var reverseName: Told<[UInt8]>?
    public var address: Told<IPAddress>?
    public var port: Told<UInt16>?
    public var dialogue: Told<Dialogue>?
    /// The name in HELO or EHLO.
    public var helo: Told<[UInt8]>?
    /// XCLIENT: who has authenticated. Unavailable: nobody has.
    public var login: Told<[UInt8]>?
    /// XCLIENT: the address and the port that the client called.
    public var localAddress: Told<IPAddress>?
    public var localPort: Told<UInt16>?
    /// XFORWARD: what the message is called in the log of who forwards it.
    public var identifier: Told<[UInt8]>?
    /// XFORWARD.
    public var source: Told<Source>?

    public init() {}
}

/// The attributes of XCLIENT and XFORWARD, by name.
public enum IdentityAttribute: String, Sendable, CaseIterable {
    case address = "ADDR"
    case port = "PORT"
    case name = "NAME"
    case reverseName = "REVERSE_NAME"
    case login = "LOGIN"
    case helo = "HELO"
    case dialogue = "PROTO"
    case localAddress = "DESTADDR"
    case localPort = "DESTPORT"
    case identifier = "IDENT"
    case source = "SOURCE"

    /// The longest value, in bytes, before it is xtext.
    public static let valueLimitBytes = 255

    /// The attribute that the bytes name, in any case of letters.
    init?(_ name: ArraySlice<UInt8>) {
        self.init(rawValue: String(decoding: name.map(\.uppercased), as: UTF8.self))
    }
}

extension Reply {
    /// The attributes that a reply to EHLO offers behind XCLIENT or XFORWARD, and Mailrace knows. Nil where it does not
    /// offer the command at all.
    public func offeredAttributes(of capability: Capability) -> Set<IdentityAttribute>? {
        guard offers(capability) else { return nil }
        var found: Set<IdentityAttribute> = []
        for text in texts.dropFirst() where text.matches(capability.keyword, at: 0) {
            guard text.count > capability.keyword.count, text[capability.keyword.count] == .space else { continue }
            for word in text[capability.keyword.count...].split(separator: .space) {
                if let attribute = IdentityAttribute(word) { found.insert(attribute) }
            }
        }
        return found
    }
}
