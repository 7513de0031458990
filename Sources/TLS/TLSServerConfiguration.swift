/// How a listener speaks TLS: a value for all shards, from which each makes its own ``TLSServerContext``.
public struct TLSServerConfiguration: Sendable, Equatable {
    /// Identities for clients that ask for one of some names (SNI; RFC 6066, 3).
    public struct NamedIdentities: Sendable, Equatable {
        /// What messages call this set.
        public var label: String
        /// Host names, and wildcards for one left-most label (`*.example.net`; RFC 6125, 6.4.3), in any case, with or
        /// without a final dot. A host name is stronger than a wildcard, wherever they stand.
        public var names: [String]
        /// At most one for each type of key.
        public var identities: [TLSIdentity]

        public init(label: String, names: [String], identities: [TLSIdentity]) {
            self.label = label
            self.names = names
            self.identities = identities
        }
    }

    /// Whether clients are asked for a certificate.
    public enum ClientCertificates: Sendable, Equatable {
        case off
        /// They are, and whatever they show is good enough: ``TLSEngine/verification`` tells what is found. Without
        /// authorities nothing is verified.
        case request(authorities: TLSFile?)
        /// Without one that these authorities vouch for there is no connection.
        case require(authorities: TLSFile)
    }

    /// The listener's name. Sessions are bound to it: no other listener resumes its tickets, whatever the keys.
    public var listener: String
    /// For clients that ask for no name, or for one without identities of its own. At most one for each type of key
    /// (ECDSA, RSA, Ed25519); the handshake takes the one that the client can verify.
    public var identities: [TLSIdentity]
    /// Each name at most once. A session is resumed only for the name under which it began (RFC 6066, 3).
    public var namedIdentities: [NamedIdentities] = []
    public var clientCertificates = ClientCertificates.off
    public var parameters = TLSParameters()
    /// Nil: no session tickets, hence no resumption; a server keeps no session itself.
    public var ticketKeys: TLSTicketKeys?

    public init(listener: String, identities: [TLSIdentity], ticketKeys: TLSTicketKeys? = nil) {
        self.listener = listener
        self.identities = identities
        self.ticketKeys = ticketKeys
    }
}

extension TLSServerConfiguration {
    /// What sessions are bound to: one that began with other demands of the client is not resumed.
    var sessionBinding: [UInt8] {
        let demand: (mark: UInt8, authorities: TLSFile?) =
            switch clientCertificates {
            case .off: (0, nil)
            case .request(let authorities): (1, authorities)
            case .require(let authorities): (2, authorities)
            }
        return Array(listener.utf8) + [0, demand.mark] + (demand.authorities?.bytes ?? [])
    }
}
