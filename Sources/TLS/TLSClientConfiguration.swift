/// How connections are made with TLS: a value for all shards, from which each makes its own ``TLSClientContext``.
public struct TLSClientConfiguration: Sendable {
    /// What is demanded of the server's certificate.
    public enum Verification: Sendable {
        /// Nothing: the connection is private from those who only listen.
        case none
        /// One of these certificates vouches for it, and it carries the name (or address) that was dialled.
        case authorities(TLSFile)
    }

    public var parameters = TLSParameters()
    public var verification: Verification
    /// Signature algorithms to accept, with colons between them, as in `rsa_pss_rsae_sha256`; thereby the type of the
    /// server's key is chosen. Empty: OpenSSL's default.
    public var signatureAlgorithms = ""

    public init(verification: Verification) {
        self.verification = verification
    }
}
