/// What a map is asked for: a text of one kind, in the one form in which all maps have it.
public struct MapKey: Sendable, Hashable {
    public let kind: Kind
    /// UTF-8. A domain in lower case and as A-labels, a local part without quotes.
    public let text: [UInt8]

    public init(_ kind: Kind, _ text: [UInt8]) {
        self.kind = kind
        self.text = text
    }

    /// Where the text comes from.
    public enum Kind: String, Sendable, CaseIterable {
        /// The recipient: `joe+news@example.com`; without a domain, `postmaster@`.
        case address
        /// The recipient without what follows the delimiter: `joe@example.com`. None where there is no delimiter.
        case addressWithoutDetail = "address-without-detail"
        /// The recipient's domain: `mail.example.com`.
        case domain
        /// Each domain above that, the longest first, behind a dot: `.example.com`, `.com`.
        case parentDomain = "parent-domain"
        /// The same behind a star: `*.example.com`, `*.com`.
        case wildcard
        /// The sender, as the recipient is written; `<>` for the null reverse-path.
        case sender
        /// The sender's domain.
        case senderDomain = "sender-domain"
        /// Who has authenticated.
        case login
        /// The client's IP address. A file may have networks in its place.
        case client
    }
}

extension MapKey.Kind {
    /// Whom a text is about. One map is asked about one of them alone: the address of a sender must not find what was
    /// written for a recipient of the same name.
    public enum Subject: Sendable, CaseIterable {
        case recipient, sender, login, client
    }

    public var subject: Subject {
        switch self {
        case .address, .addressWithoutDetail, .domain, .parentDomain, .wildcard: .recipient
        case .sender, .senderDomain: .sender
        case .login: .login
        case .client: .client
        }
    }
}
