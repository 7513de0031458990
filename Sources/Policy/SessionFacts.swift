public import Ring
public import TLS
public import Telemetry
public import Wire

/// What is known of a session so far. The session fills it in as it learns; who decides reads it.
///
/// Not Sendable: it lives on the session's shard. What a decision hands to another thread it copies out first. Texts
/// are bytes as the client sent them: escape them before they are logged or sent.
public final class SessionFacts {
    public let id: SessionID
    /// The name of the listener, from the configuration.
    public let listener: String
    /// Who the client is: after a PROXY header or XCLIENT, whom that names.
    public var client: SocketAddress
    /// Whom the client called, by the same rules; nil where the connection is gone.
    public var local: SocketAddress?
    /// The addresses that a PROXY header told; nil without one, and where it told none (LOCAL, UNKNOWN).
    public var proxied: ProxiedAddresses?
    public var clientName = ClientName.unavailable
    public var greeting: Greeting?
    /// Nil outside TLS.
    public var tls: ClientTLS?
    /// Who has authenticated; after an answer that replaces it, who that names.
    public var login: [UInt8]?
    /// The credentials of an authentication that was deferred: kept until a later stage decides, also through RSET.
    public var deferredCredentials: Credentials?
    /// How often somebody was asked about the client, what is being decided now included.
    public var authenticationAttempts = 0
    /// MAIL of the transaction; nil outside one.
    public var reversePath: EnvelopePath?
    /// Those RCPT commands of the transaction that were accepted, in order.
    public var recipients: [EnvelopePath] = []
    /// The RCPT that is being decided about.
    public var candidate: EnvelopePath?

    public init(id: SessionID, listener: String, client: SocketAddress, local: SocketAddress? = nil) {
        self.id = id
        self.listener = listener
        self.client = client
        self.local = local
    }

    /// Forgets the transaction: RSET, EHLO, STARTTLS, the end of a message.
    public func forgetTransaction() {
        reversePath = nil
        recipients = []
        candidate = nil
    }
}

/// The two ends that a PROXY header told.
public struct ProxiedAddresses: Sendable, Equatable {
    public var source: SocketAddress
    public var destination: SocketAddress

    public init(source: SocketAddress, destination: SocketAddress) {
        self.source = source
        self.destination = destination
    }
}

/// The host name of a client's address, confirmed forward.
public enum ClientName: Sendable, Equatable {
    case known(String)
    /// It has none, or none that leads back to the address; also where nobody looked.
    case unavailable
    /// DNS did not answer as it should.
    case temporarilyUnavailable

    /// The name, `[UNAVAILABLE]` or `[TEMPUNAVAIL]`.
    public var text: String {
        switch self {
        case .known(let name): name
        case .unavailable: "[UNAVAILABLE]"
        case .temporarilyUnavailable: "[TEMPUNAVAIL]"
        }
    }
}

/// HELO or EHLO, as the client said it last.
public struct Greeting: Sendable, Equatable {
    public var isExtended: Bool
    /// The argument.
    public var name: [UInt8]

    public init(isExtended: Bool, name: [UInt8]) {
        self.isExtended = isExtended
        self.name = name
    }
}

/// A MAIL or RCPT command.
public struct EnvelopePath: Sendable, Equatable {
    /// The whole command as it came, without its line end: `MAIL FROM:<a@example.com> SIZE=100`.
    public var command: [UInt8]
    /// What stands between the angle brackets, a source route left out; empty for the null reverse-path.
    public var address: [UInt8]

    public init(command: [UInt8], address: [UInt8]) {
        self.command = command
        self.address = address
    }
}

/// What the client's TLS has agreed on.
public struct ClientTLS: Sendable, Equatable {
    /// `TLSv1.3`
    public var protocolVersion: String
    /// OpenSSL's name: `TLS_AES_256_GCM_SHA384`
    public var cipher: String
    /// The host name that the client asked for; foreign text.
    public var serverName: String?
    /// What was found about the client's certificate; nil where none was asked for.
    public var verification: TLSVerification?
    /// The client's certificate; nil also where none was asked for.
    public var certificate: TLSCertificate?

    public init(
        protocolVersion: String, cipher: String, serverName: String? = nil, verification: TLSVerification? = nil,
        certificate: TLSCertificate? = nil
    ) {
        self.protocolVersion = protocolVersion
        self.cipher = cipher
        self.serverName = serverName
        self.verification = verification
        self.certificate = certificate
    }
}
