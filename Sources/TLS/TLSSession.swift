import COpenSSL

/// What a client remembers of a connection, to make the handshake of the next one to the same server short.
/// Not Sendable: it stays on its shard. It may be offered any number of times.
///
/// The server's certificate is not verified again when it is resumed. So it is offered only by engines of the same
/// context, hence with the same demands, and to the same server name; by others it is left aside.
public final class TLSSession {
    let pointer: OpaquePointer
    private let origin: Origin

    /// Where a session began.
    final class Origin {
        private let context: ContextHandle
        private let serverName: [UInt8]

        init(_ context: ContextHandle, _ serverName: String?) {
            self.context = context
            self.serverName = ServerName.canonical((serverName ?? "").utf8)
        }

        func isSame(as other: Origin) -> Bool { context === other.context && serverName == other.serverName }
    }

    /// Takes over one reference.
    init(owning pointer: OpaquePointer, of origin: Origin) {
        self.pointer = pointer
        self.origin = origin
    }

    deinit { copenssl_session_free(pointer) }

    func began(at origin: Origin) -> Bool { self.origin.isSame(as: origin) }
}

@available(*, unavailable)
extension TLSSession: Sendable {}
