public import Lookup
public import Ring
public import TLS
public import Wire

/// The servers that sessions go to, and how they are dealt with: one immutable value for all shards.
public struct UpstreamSettings: Sendable, Equatable {
    public let name: String
    /// What Mailrace calls itself to a server that it probes.
    public var hostname = "localhost"
    public var servers: [ServerAddress]
    public var balance = Balance.roundRobin
    public var transferProtocol = TransferProtocol.smtp
    public var reuse = ReusePolicy()
    public var tls = TLSPolicy.off
    /// What TLS is carried out with. Present wherever the policy is not `off`.
    public var tlsClient: TLSClientConfiguration?
    /// The name that a server's certificate is to carry; nil: the host name or address that it is dialled by.
    public var tlsServerName: String?
    /// Local addresses to dial from, in turns; empty: the system chooses.
    public var sources: [SocketAddress] = []
    /// The PROXY header that each connection begins with; nil: none.
    public var proxyHeader: OutgoingProxyHeader?
    /// At envelope depth: the server is shown the credentials of the client, or those that the authenticator gave in
    /// their place.
    public var authenticatesClients = false
    /// At envelope depth, where it is not shown those: what Mailrace itself authenticates with; nil: nothing.
    public var ownCredentials: OwnCredentials?
    /// At envelope depth: what the server lists in its reply to EHLO, XCLIENT or XFORWARD, is used to tell it of the
    /// client.
    public var tellsOfClient = true
    /// The session goes on where the server refuses XCLIENT; else the client is told to come again, for the server
    /// would take its mail for Mailrace's own.
    public var goesOnWithoutXCLIENT = false
    /// At envelope depth: EHLO has the client's name in place of Mailrace's.
    public var usesClientsName = false
    /// For a server to accept the connection, all its addresses together.
    public var connectTimeout = Duration.seconds(5)
    /// Connections to one server, of all shards together; 0: no limit.
    public var connectionsMax = 0
    /// How long a session waits for a connection where all servers have as many as they may.
    public var waitTimeout = Duration.seconds(5)
    public var health = HealthPolicy()
    /// How many other servers are tried once one has taken the connection and failed before its greeting was shown.
    /// Servers that do not take the connection do not count.
    public var retries = 1

    public enum TransferProtocol: Sendable {
        case smtp
        /// RFC 2033: one recipient a message, for each has a reply of its own.
        case lmtp
    }

    /// When a connection takes another message, at envelope depth where transactions go their own way. One that knows
    /// whose mail it carries (PROXY, XCLIENT, AUTH of the client) is used by that session alone.
    public struct ReusePolicy: Sendable, Equatable {
        /// Connections of each shard that are kept for the next session; 0: none.
        public var idleConnectionsMax = 4
        /// How long one is kept without a message.
        public var idleTimeout = Duration.seconds(30)
        /// How long one is used in all.
        public var ageMax = Duration.seconds(300)
        public var messagesMax = 100

        public init() {}
    }

    /// Which server a session goes to first. The others follow where it cannot be had.
    public enum Balance: Sendable {
        /// One after the other.
        case roundRobin
        /// The one with the fewest sessions of this process.
        case leastSessions
        /// The same for the same client address, as long as the server is up (rendezvous hashing: a server that leaves
        /// moves only its own clients).
        case hashClient
        /// The first in the configuration's order.
        case first
    }

    /// TLS towards the servers.
    public enum TLSPolicy: Sendable {
        case off
        /// STARTTLS where a server offers it; in the clear where it does not, or where it fails.
        case opportunistic
        /// STARTTLS, or no session.
        case required
        /// TLS from the first byte.
        case implicit
        /// As the client has it: `required` for a client inside TLS, else `off`.
        case mirror
    }

    /// When a server counts as down, and as up again.
    public struct HealthPolicy: Sendable, Equatable {
        /// Between probes; where there are none, how long a server that is down is left alone.
        public var interval = Duration.seconds(10)
        /// For one probe.
        public var timeout = Duration.seconds(3)
        /// Successful probes in a row after which a server is up again.
        public var rise = 2
        /// Failures in a row, of probes and sessions together, after which a server is down.
        public var fall = 3
        public var probe = Probe.ehlo

        public enum Probe: Sendable {
            /// None: only sessions tell.
            case off
            /// The server takes a connection.
            case connect
            /// It greets with 220 and answers EHLO with 250.
            case ehlo
        }

        public init() {}
    }

    public init(name: String, servers: [ServerAddress]) {
        self.name = name
        self.servers = servers
    }
}

/// What Mailrace itself shows to a server.
public struct OwnCredentials: Sendable, Equatable {
    public let credentials: Credentials

    public init(_ credentials: Credentials) {
        self.credentials = credentials
    }

    public static func == (first: Self, second: Self) -> Bool {
        guard first.credentials.user == second.credentials.user else { return false }
        switch (first.credentials.proof, second.credentials.proof) {
        case (.password(let one), .password(let other)), (.token(let one), .token(let other)):
            return one.withBytes { other.isSame(as: $0) }
        default: return false
        }
    }
}

/// What the PROXY header towards a server says.
public struct OutgoingProxyHeader: Sendable, Equatable {
    public var version: Version
    /// Which of the TLVs of the client's own PROXY header are passed on.
    public var passedOn: PassedOn = .none
    /// The server name that the client asked for in its TLS (AUTHORITY).
    public var addsAuthority = false
    /// The id of the session (UNIQUE_ID).
    public var addsUniqueID = false
    /// The client's TLS: version, cipher, certificate name (SSL).
    public var addsSSL = false
    public var addsChecksum = false
    /// What is always added. These win over TLVs of the same type that are passed on.
    public var fixed: [ProxyTLV] = []

    public enum Version: Sendable { case v1, v2 }

    public enum PassedOn: Sendable, Equatable {
        case none
        case all
        case listed(Set<ProxyTLV.Kind>)
    }

    public init(version: Version) {
        self.version = version
    }
}
