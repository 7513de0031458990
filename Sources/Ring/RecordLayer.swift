/// What turns a connection's plaintext into records and back (TLS). It does no input or output of its own: bytes in,
/// bytes out, so that a stream can be secured in place and the layer can be tested without a socket.
///
/// Not Sendable: a layer lives with its stream, on one shard.
public protocol RecordLayer: AnyObject {
    /// True once the handshake is complete; from then on plaintext may be sealed.
    var isEstablished: Bool { get }

    /// Takes ciphertext from the peer. Appends what it carries to `plaintext` and what the layer has to answer
    /// (handshake messages, alerts) to `reply`; the reply goes to the peer whatever the result is.
    ///
    /// All of `ciphertext` is consumed: incomplete records are kept inside. An empty `ciphertext` starts a client's
    /// handshake.
    func open(_ ciphertext: RawSpan, plaintext: inout ByteQueue, reply: inout ByteQueue) -> RecordStatus

    /// Appends `plaintext`, as records, to `ciphertext`. Only after the handshake.
    func seal(_ plaintext: RawSpan, ciphertext: inout ByteQueue) -> RecordStatus

    /// Appends the notice that nothing more will be sealed (TLS: close_notify). Once; later calls append nothing.
    func sealEnd(ciphertext: inout ByteQueue)
}

/// How a record layer stands after a call.
public enum RecordStatus: Sendable {
    /// It goes on.
    case open
    /// The peer has said that it sends nothing more (TLS: close_notify). Sealing is still possible.
    case ended
    /// The records cannot be trusted any more. The layer knows the reason; nothing but its pending alert may be sent.
    case failed
}
