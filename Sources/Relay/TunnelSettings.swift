public import Ring
public import TLS

/// What a listener at tunnel depth does, in the terms of the session: one immutable value, which a session keeps from
/// its beginning to its end.
public struct TunnelSettings: Sendable {
    /// The listener's name.
    public let name: String
    public let starttls: StartTLSPolicy
    /// What STARTTLS is carried out with. Present wherever the policy is not `off`.
    public let tls: TLSServerConfiguration?
    /// The upstream's servers, in the order in which they are tried.
    public let servers: [SocketAddress]
    public let timeouts: Timeouts

    /// What the listener does about STARTTLS (RFC 3207).
    public enum StartTLSPolicy: Sendable {
        /// Nothing is added to the upstream's EHLO reply and nothing taken away: client and upstream may still agree on
        /// TLS end to end.
        case off
        /// STARTTLS is added to the EHLO reply; the client may go on without it.
        case offer
        /// As `offer`, and without it nothing but leaving is possible.
        case require
    }

    public struct Timeouts: Sendable {
        /// For one server to accept the connection.
        public var connect = Duration.seconds(5)
        /// For the upstream to greet.
        public var greeting = Duration.seconds(30)
        /// For the client to say something, before the hand-off.
        public var command = Duration.seconds(300)
        /// For the upstream to answer EHLO or HELO.
        public var reply = Duration.seconds(300)
        public var tlsHandshake = Duration.seconds(10)
        /// For either side to send a byte, after the hand-off.
        public var passthroughIdle = Duration.seconds(3600)

        public init() {}
    }

    public init(
        name: String, starttls: StartTLSPolicy, tls: TLSServerConfiguration?, servers: [SocketAddress],
        timeouts: Timeouts = Timeouts()
    ) {
        precondition(starttls == .off || tls != nil)
        self.name = name
        self.starttls = starttls
        self.tls = tls
        self.servers = servers
        self.timeouts = timeouts
    }
}
