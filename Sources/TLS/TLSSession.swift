import COpenSSL

/// What a client remembers of a connection, to make the handshake of the next one to the same server short.
/// Not Sendable: it stays on its shard. It may be offered any number of times.
public final class TLSSession {
    let pointer: OpaquePointer

    /// Takes over one reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { copenssl_session_free(pointer) }
}

@available(*, unavailable)
extension TLSSession: Sendable {}
