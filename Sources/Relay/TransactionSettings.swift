/// How a listener at envelope depth relays where each transaction goes its own way: Mailrace stays in the protocol, and
/// each message may go to another upstream.
public struct TransactionSettings: Sendable, Equatable {
    public var multiRoute = MultiRoute.putOff
    /// A message as it comes, in bytes: line ends count two, doubled dots one (RFC 1870 section 5). 0: no limit.
    public var messageBytesMax = 25 << 20
    /// Recipients of one message; the next is put off.
    public var recipientsMax = 1000
    /// A line of a message, in bytes, its CRLF included.
    public var lineBytesMax = 64 << 10
    public var bareNewline = BareNewline.reject
    /// For the client to send more of a message: so long it may be silent, and so long it may be waited for in all,
    /// but that what it sends counts for it (`bytesPerSecondMin`).
    public var dataTimeout = Duration.seconds(180)
    /// As many bytes of a message make up for one second for which the client was waited for. At least 1.
    public var bytesPerSecondMin = 500
    /// For the upstream to say what becomes of a message (RFC 5321 section 4.5.3.2.6).
    public var finalReplyTimeout = Duration.seconds(600)

    /// What becomes of a recipient whose route differs from that of the first.
    public enum MultiRoute: Sendable {
        /// It is put off (452 4.5.3): the client sends it a message of its own.
        case putOff
        /// It goes where the first goes.
        case first
    }

    /// What becomes of a message with a bare CR, a bare LF or a NUL.
    public enum BareNewline: Sendable {
        /// It is refused at its end, and the session closed.
        case reject
        /// A bare LF becomes CRLF, a bare CR or a NUL a space, before anybody sees it.
        case normalise
    }

    public init() {}
}
