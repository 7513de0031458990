public import Ring
public import TLS
public import Telemetry
public import Wire

/// What a listener does, in the terms of the session: one immutable value, which a session keeps from
/// its beginning to its end.
public struct ListenerSettings: Sendable {
    /// The listener's name.
    public let name: String
    /// What Mailrace calls itself where it greets on its own.
    public var hostname = "localhost"
    public var starttls = StartTLSPolicy.off
    /// TLS from the first byte (RFC 8314, section 3); `starttls` is `off` then.
    public var isImplicitTLS = false
    /// What TLS is carried out with. Present wherever STARTTLS or implicit TLS is configured.
    public var tls: TLSServerConfiguration?
    public var dial = Dial.onAccept
    /// Clients come through a proxy that says in a PROXY header who they are; nil: they come themselves.
    public var proxyProtocol: IncomingProxyHeader?
    public var ehlo = EHLOPolicy()
    /// Sessions of one client address; nil: the limit of the process.
    public var sessionsPerAddressMax: Int?
    /// What a session must move once it is opaque; nil: nothing.
    public var minimumRate: Pump.Limits.Rate?
    public var timeouts = Timeouts()
    /// What is done at envelope depth; nil: the listener is one of tunnel depth.
    public var envelope: EnvelopeSettings?
    /// Where the dialogue is written down; nil: nowhere.
    public var transcript: Transcript?

    /// What the listener does about STARTTLS (RFC 3207).
    public enum StartTLSPolicy: Sendable {
        /// Nothing: client and upstream may still agree on TLS end to end, if `EHLOPolicy` lets them know of it.
        case off
        /// The client may take it, or go on without it.
        case offer
        /// Without it nothing but leaving is possible.
        case require
    }

    /// When the upstream is dialled, at tunnel depth.
    public enum Dial: Sendable {
        /// As soon as there is a client: the upstream greets it.
        case onAccept
        /// Once the client has TLS, or has gone on without: Mailrace greets it, and what the upstream is told of the
        /// client (PROXY header) includes its TLS.
        case afterTLS
    }

    /// Who may say in a PROXY header who the client is. Nobody else may connect.
    public struct IncomingProxyHeader: Sendable, Equatable {
        public let trusted: [IPNetwork]

        public init(trusted: [IPNetwork]) {
            self.trusted = trusted
        }
    }

    /// How the capabilities in the upstream's reply to EHLO are changed on their way to the client, at tunnel depth.
    /// Only 250 replies are.
    public struct EHLOPolicy: Sendable {
        /// What becomes of STARTTLS before the client has TLS.
        public var beforeTLS = Edit.pass
        /// What becomes of STARTTLS inside the client's TLS. `inject` has no meaning there.
        public var insideTLS = Edit.strip
        /// Left out wherever they are listed.
        public var hidden: Set<Capability> = []

        public enum Edit: Sendable {
            /// STARTTLS is listed, whatever the upstream says.
            case inject
            /// It is not.
            case strip
            /// As the upstream says.
            case pass
        }

        public init() {}
    }

    public struct Timeouts: Sendable {
        /// For the proxy in front to send its header.
        public var proxyHeader = Duration.seconds(5)
        /// For the upstream to greet.
        public var greeting = Duration.seconds(30)
        /// For the client to say something, before the hand-off.
        public var command = Duration.seconds(300)
        /// The same once 90 % of the sessions there may be are there.
        public var stressCommand = Duration.seconds(10)
        /// For the upstream to answer EHLO, HELO or STARTTLS.
        public var reply = Duration.seconds(300)
        public var tlsHandshake = Duration.seconds(10)
        /// For either side to send a byte, after the hand-off.
        public var passthroughIdle = Duration.seconds(3600)
        /// The longest that a session lives after the hand-off; nil: for ever.
        public var session: Duration?

        public init() {}
    }

    public init(name: String) {
        self.name = name
    }
}
