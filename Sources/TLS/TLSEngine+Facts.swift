import COpenSSL

/// What the handshake has agreed on. Nil before it is complete, and after a failure.
extension TLSEngine {
    /// `TLSv1.3`
    public var protocolVersion: String? {
        established.map { String(cString: copenssl_engine_version($0)) }
    }

    /// OpenSSL's name of the cipher: `TLS_AES_256_GCM_SHA384`
    public var cipher: String? {
        guard let established else { return nil }
        let name = String(cString: copenssl_engine_cipher(established))
        return Self.usualCiphers.first { $0 == name } ?? name
    }

    /// Of nearly all connections. As literals they have no memory of their own, which a session would hold.
    private static let usualCiphers = [
        "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
    ]

    /// The host name that the client asked for (SNI; RFC 6066, 3), at most 255 bytes. Nil: it asked for none.
    /// On a server it is text from the peer: escape it before it is logged or sent.
    public var serverName: String? {
        established.flatMap { copenssl_engine_server_name($0) }.map { String(cString: $0) }
    }

    /// Whether an earlier session was taken up again, so that no certificate was sent.
    public var isResumed: Bool {
        established.map { copenssl_engine_is_resumed($0) } ?? false
    }

    /// The group of the key exchange, `x25519`; nil also where there was none.
    public var group: String? {
        established.flatMap { copenssl_engine_group($0) }.map { String(cString: $0) }
    }

    /// What this end signed the handshake with, `rsa_pss_rsae_sha256` (RFC 8446, 4.2.3). Nil also where it signed
    /// nothing: a client without a certificate, a session resumed.
    public var signatureScheme: String? {
        established.flatMap { copenssl_engine_own_signature($0) }.map { String(cString: $0) }
    }

    /// The same of the peer.
    public var peerSignatureScheme: String? {
        established.flatMap { copenssl_engine_peer_signature($0) }.map { String(cString: $0) }
    }

    /// What is found about the peer's certificate; in a resumed session, what was found when it began.
    public var verification: TLSVerification? {
        established.map { TLSVerification(copenssl_engine_verification($0)) }
    }

    /// The peer's certificate, in a resumed session that of its beginning. Nil also where the peer has shown none.
    /// Copied at each call.
    public var peerCertificate: TLSCertificate? {
        guard let established else { return nil }
        var facts = copenssl_certificate()
        return copenssl_engine_get_peer_certificate(established, &facts) ? TLSCertificate(taking: &facts) : nil
    }

    /// The certificate that this end has shown; a server's is the one whose algorithms a PROXY header tells. Nil also
    /// in a resumed session, where none is. Copied at each call.
    public var ownCertificate: TLSCertificate? {
        guard let established, !isResumed, signatureScheme != nil else { return nil }
        var facts = copenssl_certificate()
        return copenssl_engine_get_own_certificate(established, &facts) ? TLSCertificate(taking: &facts) : nil
    }

    /// For a client: what to offer on the next connection to this server. Nil while the server has given nothing to
    /// resume; with TLS 1.3 that comes with the first data after the handshake. Nil also where something is wrong with
    /// the server's certificate, so that each connection looks at it anew.
    public var session: TLSSession? {
        guard let established, let origin, verification?.isRefusal == false,
            let session = copenssl_engine_copy_session(established)
        else { return nil }
        return TLSSession(owning: session, of: origin)
    }

    private var established: OpaquePointer? { isEstablished ? pointer : nil }
}
