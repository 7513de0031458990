/// How connections are made with TLS: a value for all shards, from which each makes its own ``TLSClientContext``.
public struct TLSClientConfiguration: Sendable, Equatable {
    /// Who may vouch for the server's certificate, which then must also carry the name (or address) that was dialled.
    public enum Authorities: Sendable, Equatable {
        /// Nobody needs to. Without pins the connection is private from those who only listen, and no more.
        case none
        /// Those of the system: OpenSSL's default file and folder, or what SSL_CERT_FILE and SSL_CERT_DIR name. The
        /// folder is read, a small file at a time, when a handshake meets an authority for the first time.
        case system
        /// The certificates in this file, be they roots or not.
        case file(TLSFile)
    }

    public var parameters = TLSParameters()
    public var authorities: Authorities
    /// The server's key is one of these: SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469, 2.4), 32 bytes
    /// each. Empty: any key. With authorities both must hold; without them the pin alone counts, and neither the name
    /// nor the time of the certificate matters.
    public var pins: [[UInt8]]
    /// Whether a certificate that is not good enough ends the handshake. If not, ``TLSEngine/verification`` tells.
    public var isEnforced = true
    /// Shown to a server that asks for a certificate: one for each type of key. In TLS 1.3 the server's wishes choose
    /// among them, in TLS 1.2 it is the first.
    public var identities: [TLSIdentity] = []
    /// Signature algorithms to accept, with colons between them, as in `rsa_pss_rsae_sha256`; thereby the type of the
    /// server's key is chosen. Empty: OpenSSL's default.
    public var signatureAlgorithms = ""

    public init(authorities: Authorities, pins: [[UInt8]] = []) {
        self.authorities = authorities
        self.pins = pins
    }
}
