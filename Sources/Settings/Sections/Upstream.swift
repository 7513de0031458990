extension Settings {
    /// `[upstream.NAME]`: the servers that sessions go to.
    public struct Upstream: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var transferProtocol = TransferProtocol.smtp
        public internal(set) var servers: [ServerAddress] = []
        public internal(set) var balance = Balance.roundRobin
        public internal(set) var tls = TLSMode.opportunistic
        public internal(set) var tlsVerify = TLSVerification.auto
        /// The name that certificates are verified by; nil is the server's own host name.
        public internal(set) var tlsServerName: String?
        /// The file with the authorities that vouch for servers; empty is the system's.
        public internal(set) var tlsCA = ""
        /// One of them must be that of the server's key. Without `tlsCA` that is all that is verified.
        public internal(set) var tlsPins: [Pin] = []
        /// Names of PEM files: the certificate that Mailrace shows, with its chain; one a key type.
        public internal(set) var tlsCertificate: [String] = []
        /// Names of PEM files, in the order of `tlsCertificate`.
        public internal(set) var tlsKey: [String] = []
        public internal(set) var tlsKeyPasswordFile = ""
        public internal(set) var tlsMinimumVersion = TLS.Version.tls12
        /// The addresses to dial from; empty leaves it to the kernel.
        public internal(set) var source: [Address] = []
        public internal(set) var proxyProtocol = ProxyProtocol.off
        public internal(set) var proxyProtocolTLVs: [ProxyTLV] = []
        /// Whose name a session at envelope depth gives to the servers in EHLO.
        public internal(set) var helo = Helo.own
        /// Whether a session at envelope depth tells the servers who the client is, by XCLIENT.
        public internal(set) var xclient = XCLIENT.auto
        /// What becomes of a session whose XCLIENT a server refuses.
        public internal(set) var xclientRefused = XCLIENTRefused.defer
        /// Whether a session at envelope depth authenticates to the servers.
        public internal(set) var authentication = Authentication.off
        /// With `own`: who Mailrace is to the servers; empty is nobody.
        public internal(set) var authUser = ""
        /// With `own`: the name of the file whose first line is its password.
        public internal(set) var authPasswordFile = ""
        /// With `own`: the same of a bearer token.
        public internal(set) var authTokenFile = ""
        /// What each server gets to take a connection.
        public internal(set) var connectTimeout: Duration = .seconds(5)
        /// Connections to one server at one time; 0 is no limit.
        public internal(set) var maxConnections = 0
        /// How long a session waits for a connection where the limit is reached.
        public internal(set) var maxWait: Duration = .seconds(5)
        /// How many other servers are tried where one takes the connection and fails to greet.
        public internal(set) var retry = 1
        /// Where messages are relayed one by one: connections that each shard keeps for the next message; 0 is none.
        public internal(set) var idleConnections = 4
        /// How long one is kept.
        public internal(set) var idleTimeout: Duration = .seconds(30)
        /// How long one is used in all.
        public internal(set) var maxConnectionAge: Duration = .seconds(300)
        public internal(set) var maxMessagesPerConnection = 100
        public internal(set) var health = Health()

        init() {}

        /// True where a certificate that cannot be verified ends the session; else it is counted and logged.
        public var demandsVerification: Bool {
            switch tlsVerify {
            case .auto: tls == .required || tls == .implicit
            case .on: tls != .off
            case .off: false
            }
        }
    }
}

extension Settings.Upstream {
    public enum TransferProtocol: String, Sendable, CaseIterable {
        case smtp
        /// RFC 2033, for servers that deliver: one recipient a message.
        case lmtp
    }

    /// Which server a session goes to.
    public enum Balance: String, Sendable, CaseIterable {
        case roundRobin = "round-robin"
        case leastSessions = "least-sessions"
        /// The same for the same client address.
        case hashClient = "hash-client"
        /// The first, and the others in their order where it fails.
        case first
    }

    public enum TLSMode: String, Sendable, CaseIterable {
        case off
        /// STARTTLS where the server offers it.
        case opportunistic
        /// STARTTLS, or no session.
        case required
        /// TLS from the first byte (RFC 8314, section 3.3).
        case implicit
        /// STARTTLS where the client uses TLS, and else none.
        case mirror
    }

    /// Whether a server's certificate must be good.
    public enum TLSVerification: String, Sendable, CaseIterable {
        /// With `required` and `implicit`; else a bad one is counted and logged.
        case auto
        case on = "true"
        case off = "false"
    }

    public enum ProxyProtocol: String, Sendable, CaseIterable {
        case off, v1, v2
    }

    public enum Helo: String, Sendable, CaseIterable {
        case own
        /// The name that the client gave.
        case client
    }

    public enum XCLIENT: String, Sendable, CaseIterable {
        /// Where a server offers it, with what it lists.
        case auto
        case off
    }

    public enum XCLIENTRefused: String, Sendable, CaseIterable {
        /// The client is told to come again: the server would take its mail for Mailrace's own.
        case `defer`
        case `continue`
    }

    public enum Authentication: String, Sendable, CaseIterable {
        case off
        /// With what the client has shown, or the authenticator's answer puts in its place.
        case session
        /// With credentials of Mailrace's.
        case own
    }

    /// `health`: how servers are found to be up or down without sessions.
    public struct Health: Sendable, Equatable {
        public internal(set) var interval: Duration = .seconds(10)
        /// For one check as a whole.
        public internal(set) var timeout: Duration = .seconds(3)
        /// Good checks in a row that raise a server which is down.
        public internal(set) var rise = 2
        /// Failed checks in a row that take a server down.
        public internal(set) var fall = 3
        public internal(set) var probe = Probe.ehlo

        init() {}

        public enum Probe: String, Sendable, CaseIterable {
            /// A connection is enough.
            case connect
            /// The server greets with 220 and answers EHLO with 250.
            case ehlo
            case off
        }
    }
}

extension Settings.Upstream.Health: Section {
    private static let range: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3_600)

    static let fields: [Field<Self>] = [
        .value("interval", \.interval, .duration(range), "From one check of a server to the next"),
        .value("timeout", \.timeout, .duration(.milliseconds(1)...range.upperBound), "How long a check may take"),
        .value("rise", \.rise, .integer(1...100), "Good checks in a row that raise a server which is down"),
        .value("fall", \.fall, .integer(1...100), "Failed checks in a row that take a server down"),
        .value(
            "probe", \.probe, .choice(),
            "What a check does: connect, or also read the greeting and say EHLO; off makes none"),
    ]
}

extension Settings.Upstream: NamedSection {
    static let fields: [Field<Self>] = choice + security + sending + [.table("health", \.health)]

    private static let choice: [Field<Self>] = [
        .value("protocol", \.transferProtocol, .choice(), "What the servers speak"),
        .value(
            "servers", \.servers, .list(of: .serverAddress, named: "servers, as in [\"192.0.2.1:25\"]"), required: true,
            "The servers, by IP address, host name or Unix socket; without a port, 25"),
        .value(
            "balance", \.balance, .choice(),
            "Which server a session goes to: each in turn, the one with the fewest, the same for the same client"
                + " address, or the first that takes it"),
        .value(
            "connect_timeout", \.connectTimeout, .duration(.milliseconds(1) ... .seconds(3_600)),
            "How long one server may take to accept a connection"),
        .value(
            "max_connections", \.maxConnections, .integer(0...1_000_000),
            "Connections to one server at one time; 0 is no limit"),
        .value(
            "max_wait", \.maxWait, .duration(.zero ... .seconds(3_600)),
            "How long a session waits for a connection where max_connections is reached"),
        .value(
            "retry", \.retry, .integer(0...100),
            "How many other servers are tried where one takes the connection and then fails to greet"),
        .value(
            "idle_connections", \.idleConnections, .integer(0...10_000),
            "Where messages are relayed one by one, connections that each shard keeps for the next message; 0 is none"),
        .value(
            "idle_timeout", \.idleTimeout, .duration(.milliseconds(100) ... .seconds(3_600)),
            "How long such a connection is kept"),
        .value(
            "max_connection_age", \.maxConnectionAge, .duration(.seconds(1) ... .seconds(86_400)),
            "How long such a connection is used in all"),
        .value(
            "max_messages_per_connection", \.maxMessagesPerConnection, .integer(1...1_000_000),
            "How many messages such a connection takes"),
    ]

    private static let security: [Field<Self>] = [
        .value(
            "tls", \.tls, .choice(),
            "TLS to the servers: STARTTLS where it is offered, STARTTLS or no session, from the first byte, or STARTTLS"
                + " where the client uses TLS"),
        .value(
            "tls_verify", \.tlsVerify, .tlsVerification,
            "Whether a certificate that cannot be verified ends the session; auto is true where tls is required or"
                + " implicit, and else counts and logs"),
        .value(
            "tls_server_name", \.tlsServerName, .optionalHostName,
            "The name that certificates are verified by; empty is the server's own host name"),
        .value(
            "tls_ca", \.tlsCA, .path(optional: true),
            "The PEM file with the authorities that vouch for the servers; empty is the system's"),
        .value(
            "tls_pin_sha256", \.tlsPins, .list(of: .pin, named: "digests", mayBeEmpty: true),
            "SHA-256 of the public keys that a server may have; without tls_ca nothing else is verified"),
        .value(
            "tls_certificate", \.tlsCertificate, .optionalFiles,
            "PEM files with the certificate that is shown to the servers, and its chain, one a key type"),
        .value(
            "tls_key", \.tlsKey, .optionalFiles, "PEM files with the private keys, in the order of tls_certificate"),
        .value(
            "tls_key_password_file", \.tlsKeyPasswordFile, .path(optional: true),
            "The file whose first line opens encrypted keys"),
        .value("tls_minimum_version", \.tlsMinimumVersion, .choice(), "The oldest version of TLS that is spoken"),
    ]

    private static let sending: [Field<Self>] = [
        .value(
            "source", \.source, .list(of: .address, named: "IP addresses", mayBeEmpty: true),
            "The local addresses to dial from; empty leaves it to the kernel"),
        .value(
            "proxy_protocol", \.proxyProtocol, .choice(),
            "The version of the PROXY header that is sent to the servers"),
        .value(
            "proxy_protocol_tlvs", \.proxyProtocolTLVs,
            .list(of: .proxyTLV, named: "TLVs, as in [\"authority\", \"ssl\"]", mayBeEmpty: true),
            "What a header of version 2 carries besides the addresses"),
        .value(
            "helo", \.helo, .choice(),
            "At envelope depth, whose name the servers are given in EHLO: Mailrace's or the client's"),
        .value(
            "xclient", \.xclient, .choice(),
            "At envelope depth, whether servers that offer XCLIENT are told who the client is"),
        .value(
            "xclient_refused", \.xclientRefused, .choice(),
            "At envelope depth, whether a client is told to come again, or its session goes on, where a server refuses"
                + " XCLIENT"),
        .value(
            "auth", \.authentication, .choice(),
            "At envelope depth, whether Mailrace authenticates to the servers: with what the client has shown or the"
                + " authenticator has put in its place, or with its own credentials"),
        .value(
            "auth_user", \.authUser, .authenticationUser, fallback: "none; required with auth = \"own\"",
            "Who Mailrace is to the servers, where auth is own"),
        .value(
            "auth_password_file", \.authPasswordFile, .path(optional: true),
            "The file whose first line is Mailrace's password to the servers, where auth is own"),
        .value(
            "auth_token_file", \.authTokenFile, .path(optional: true),
            "The file whose first line is Mailrace's bearer token, in place of a password"),
    ]
}
