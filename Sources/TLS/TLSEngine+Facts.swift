import COpenSSL

/// What the handshake has agreed on. Nil before it is complete, and after a failure.
extension TLSEngine {
    /// `TLSv1.3`
    public var protocolVersion: String? {
        established.map { String(cString: copenssl_engine_version($0)) }
    }

    /// OpenSSL's name of the cipher: `TLS_AES_256_GCM_SHA384`
    public var cipher: String? {
        established.map { String(cString: copenssl_engine_cipher($0)) }
    }

    /// The host name that the client asked for (SNI; RFC 6066, 3), at most 255 bytes. Nil: it asked for none.
    /// On a server it is text from the peer: escape it before it is logged or sent.
    public var serverName: String? {
        established.flatMap { copenssl_engine_server_name($0) }.map { String(cString: $0) }
    }

    /// Whether an earlier session was taken up again, so that no certificate was sent.
    public var isResumed: Bool {
        established.map { copenssl_engine_is_resumed($0) } ?? false
    }

    /// For a client: what to offer on the next connection to this server. Nil while the server has given nothing to
    /// resume; with TLS 1.3 that comes with the first data after the handshake.
    public var session: TLSSession? {
        guard let established, let session = copenssl_engine_copy_session(established) else { return nil }
        return TLSSession(owning: session)
    }

    private var established: OpaquePointer? { isEstablished ? pointer : nil }
}
