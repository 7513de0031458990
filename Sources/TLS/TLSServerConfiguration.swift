/// How a listener speaks TLS: a value for all shards, from which each makes its own ``TLSServerContext``.
public struct TLSServerConfiguration: Sendable {
    /// The listener's name. Sessions are bound to it: no other listener resumes its tickets, whatever the keys.
    public var listener: String
    /// At most one for each type of key (ECDSA, RSA, Ed25519); the handshake takes the one that the client can verify.
    public var identities: [TLSIdentity]
    public var parameters = TLSParameters()
    /// Nil: no session tickets, hence no resumption; a server keeps no session itself.
    public var ticketKeys: TLSTicketKeys?

    public init(listener: String, identities: [TLSIdentity], ticketKeys: TLSTicketKeys? = nil) {
        self.listener = listener
        self.identities = identities
        self.ticketKeys = ticketKeys
    }
}
