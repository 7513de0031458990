import COpenSSL

/// The secret that seals session tickets (RFC 5077; RFC 8446, 4.6.1). The shards of a listener share one value, so that
/// each of them resumes what another one has begun; it is made anew with the process.
public struct TLSTicketKeys: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    let bytes: [UInt8]

    /// Makes keys from OpenSSL's random generator, without which nothing of TLS can work.
    public init() {
        bytes = [UInt8](unsafeUninitializedCapacity: COPENSSL_TICKET_KEY_BYTES) { buffer, count in
            precondition(copenssl_random(buffer.baseAddress, buffer.count) == 0, "no random numbers")
            count = buffer.count
        }
    }

    public var description: String { "session ticket keys" }
    public var debugDescription: String { description }
}
