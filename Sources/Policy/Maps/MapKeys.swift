import Ring
import Wire

/// What a map is asked for about a session and a recipient.
public struct MapKeys: Sendable, Equatable {
    /// In this order. All of one subject.
    public var kinds: [MapKey.Kind]
    /// Behind it the detail of a recipient begins; nil: there are no details.
    public var delimiter: UInt8?
    /// The case of letters in local parts and logins makes no difference.
    public var foldsLocalParts: Bool

    public init(
        _ kinds: [MapKey.Kind] = [.address, .addressWithoutDetail, .domain], delimiter: UInt8? = nil,
        foldsLocalParts: Bool = false
    ) {
        self.kinds = kinds
        self.delimiter = delimiter
        self.foldsLocalParts = foldsLocalParts
    }

    /// Whether recipients of one message may have different keys.
    public var areOfRecipients: Bool { kinds.contains { $0.subject == .recipient } }

    /// The keys of `facts`, in the order in which they are asked for; those that the facts do not have are not there.
    public func keys(of facts: SessionFacts) -> [MapKey] {
        let recipient = facts.candidate.map { MapAddress($0.address, foldsLocalPart: foldsLocalParts) }
        let sender = facts.reversePath.map { MapAddress($0.address, foldsLocalPart: foldsLocalParts) }
        return kinds.flatMap { kind -> [MapKey] in
            switch kind {
            case .address, .addressWithoutDetail, .domain, .parentDomain, .wildcard:
                recipient.map { keys(kind, of: $0) } ?? []
            case .sender:
                sender.map { [MapKey(kind, $0.localPart.isEmpty && $0.domain.isEmpty ? Self.nullPath : $0.text)] } ?? []
            case .senderDomain: sender.flatMap { $0.domain.isEmpty ? nil : [MapKey(kind, $0.domain)] } ?? []
            case .login: facts.login.map { [MapKey(kind, foldsLocalParts ? MapAddress.folded($0) : $0)] } ?? []
            case .client: IPAddress(octets: facts.client.octets).map { [MapKey(kind, Array("\($0)".utf8))] } ?? []
            }
        }
    }

    private func keys(_ kind: MapKey.Kind, of address: MapAddress) -> [MapKey] {
        switch kind {
        case .address: [MapKey(kind, address.text)]
        case .addressWithoutDetail:
            delimiter.flatMap { address.withoutDetail(behind: $0) }.map { [MapKey(kind, $0)] } ?? []
        case .domain: address.domain.isEmpty ? [] : [MapKey(kind, address.domain)]
        case .parentDomain: DomainName.parents(of: address.domain).map { MapKey(kind, [.dot] + $0) }
        case .wildcard: DomainName.parents(of: address.domain).map { MapKey(kind, [UInt8(ascii: "*"), .dot] + $0) }
        case .sender, .senderDomain, .login, .client: []
        }
    }

    static let nullPath = Array("<>".utf8)
}
