extension Settings {
    /// `[listener.NAME]`: where clients connect, and what they meet there.
    public struct Listener: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var listen: [ListenAddress] = []
        /// The sockets come from systemd, by the listener's name: it listens on no others.
        public internal(set) var isFromSystemd = false
        /// Whether the IPv6 sockets leave IPv4 alone; else `[::]` takes both.
        public internal(set) var isIPv6Only = false
        public internal(set) var role = Role.smtp
        public internal(set) var depth = Depth.tunnel
        /// The name of a TLS set.
        public internal(set) var tls: String?
        public internal(set) var startTLS = StartTLS.off
        /// What the listener's counters go by.
        public internal(set) var statPrefix = ""
        /// When the upstream is dialled.
        public internal(set) var dial = Dial.accept
        public internal(set) var proxyProtocol = ProxyProtocol.off
        /// Who may connect to a listener that requires a PROXY header. A Unix socket is trusted as its file says.
        public internal(set) var proxyProtocolTrusted: [Network] = []
        /// The name of an upstream, which takes what no route fits; empty: nobody does.
        public internal(set) var upstream = ""
        /// At envelope depth, where recipients go, in this order.
        public internal(set) var routes: [Route] = []
        /// At envelope depth, the code of the refusal for a recipient that no route takes.
        public internal(set) var relayDeniedCode = 554
        /// At envelope depth; nil is `auto`.
        var relayingAsWritten: Relaying?
        public internal(set) var multiRoute = MultiRoute.defer
        /// In bytes; 0 is no limit.
        public internal(set) var maxMessageSize = 25 << 20
        public internal(set) var maxRecipients = 1_000
        /// In bytes, its line end included.
        public internal(set) var maxLineLength = 64 << 10
        public internal(set) var bareNewline = BareNewline.reject
        /// One character, or none: what follows it in a local part is a detail that maps may leave out.
        public internal(set) var recipientDelimiter = ""
        /// At envelope depth, what stands behind the host name in the greeting.
        public internal(set) var greeting = "ESMTP"
        /// At envelope depth, a line that is sent ahead of a greeting which is held back; empty is none.
        public internal(set) var greetingTeaser = ""
        /// At envelope depth, how long the greeting is held back. Who speaks before it is refused.
        public internal(set) var greetingDelay: Duration = .zero
        /// At envelope depth, lines of the reply to EHLO beside STARTTLS and AUTH.
        public internal(set) var capabilities: [String] = []
        /// At envelope depth, the longest command line in bytes, that of AUTH apart.
        public internal(set) var clientBuffer = 4 << 10
        /// At envelope depth, refused commands of one session that are answered; one more ends it.
        public internal(set) var maxErrors = 20
        /// At envelope depth, commands of one session before its hand-off; one more ends it.
        public internal(set) var maxCommands = 1_000
        /// At envelope depth, how many messages one client address may begin; a count of 0 is no limit.
        public internal(set) var maxMessagesPerAddress = Rate(count: 0, per: .seconds(60))
        /// At envelope depth, who may say by XCLIENT which client it is.
        public internal(set) var xclientTrusted: [Network] = []
        /// At envelope depth, whether the host names of clients are looked up.
        public internal(set) var looksUpClientNames = false
        /// At envelope depth.
        public internal(set) var authentication = Authentication()
        /// Keywords of EHLO in upper case that no client sees.
        public internal(set) var hideCapabilities: [String] = []
        /// Nil is `auto`.
        var ehloBeforeTLSAsWritten: STARTTLSBeforeTLS?
        /// What becomes of STARTTLS in the upstream's EHLO replies inside TLS.
        public internal(set) var ehloInsideTLS = STARTTLSInsideTLS.strip
        /// In bytes a second once a session is opaque; 0 is none.
        public internal(set) var minimumRate = 0
        /// Sessions of one client address in the whole process, for a client that comes in here; 0 is no limit.
        public internal(set) var maxSessionsPerAddress = Runtime().maxSessionsPerAddress
        public internal(set) var timeouts = Timeouts()

        init() {}

        /// What becomes of STARTTLS in the upstream's EHLO reply before TLS.
        public var ehloBeforeTLS: STARTTLSBeforeTLS {
            ehloBeforeTLSAsWritten ?? (startTLS == .off ? .pass : .inject)
        }

        /// True where a session can come to be encrypted here.
        public var hasTLS: Bool { role == .smtps || startTLS != .off }
    }
}

extension Settings.Listener {
    public enum Role: String, Sendable, CaseIterable {
        case smtp
        /// At envelope depth AUTH is demanded, and STARTTLS before it. As `smtp` at tunnel depth: the upstream says who
        /// may send.
        case submission
        /// TLS from the first byte (RFC 8314, section 3.3); at envelope depth AUTH is demanded.
        case smtps
    }

    /// How deep a session is looked into.
    public enum Depth: String, Sendable, CaseIterable {
        /// The greeting, EHLO and STARTTLS.
        case tunnel
        /// Also AUTH, MAIL and RCPT: Mailrace greets, and dials the upstream once it knows who the client is.
        case envelope
    }

    /// Whether clients may, or must, use STARTTLS (RFC 3207).
    public enum StartTLS: String, Sendable, CaseIterable {
        case off, offer, require
    }

    public enum Dial: String, Sendable, CaseIterable {
        /// At once: the upstream greets.
        case accept
        /// After the client's TLS, so that a PROXY header can tell of it: Mailrace greets.
        case startTLS = "starttls"
    }

    public enum ProxyProtocol: String, Sendable, CaseIterable {
        case off, required
    }

    public enum STARTTLSBeforeTLS: String, Sendable, CaseIterable {
        /// It is listed, whether the upstream does or not.
        case inject
        /// It is not listed.
        case strip
        /// As the upstream has it.
        case pass
    }

    public enum STARTTLSInsideTLS: String, Sendable, CaseIterable {
        case strip, pass
    }
}

extension Settings.Listener: NamedSection {
    static let fields: [Field<Self>] =
        places + looks + dialogue + envelope + transactions + [
            .table("auth", \.authentication), .table("timeouts", \.timeouts), .array("route", \.routes),
        ]

    private static let places: [Field<Self>] = [
        .value(
            "listen", \.listen, .list(of: .listenAddress, named: "addresses, as in [\"[::]:25\"]", mayBeEmpty: true),
            fallback: "none; required unless systemd is true",
            "The addresses and ports to listen on, and Unix sockets, as in unix:/run/x.sock"),
        .value(
            "systemd", \.isFromSystemd, .boolean,
            "Whether systemd must hand its sockets over, with its name as FileDescriptorName="),
        .value(
            "ipv6_only", \.isIPv6Only, .boolean, "Whether IPv6 addresses leave IPv4 alone; else [::] takes both"),
        .value(
            "role", \.role, .choice(),
            "What kind of service it is; smtps is TLS from the first byte, and with submission it demands AUTH at"
                + " envelope depth"),
        .value("depth", \.depth, .choice(later: ["message"]), "How deep sessions are looked into"),
        .value("stat_prefix", \.statPrefix, .name, fallback: "the listener's name", "What its counters go by"),
        .value(
            "upstream", \.upstream, .nameOrNothing, fallback: "none; required where there is no route",
            "The upstream that sessions go to; where there are routes, the recipients that none of them fits"),
        .value(
            "max_sessions_per_address", \.maxSessionsPerAddress, .integer(0...1_000_000),
            fallback: "runtime.max_sessions_per_address",
            "Sessions of one client address at one time, in the whole process, for who comes in here; 0 is no limit"),
    ]

    private static let looks: [Field<Self>] = [
        .value("tls", \.tls, .optionalName, "The TLS set whose certificates it shows"),
        .value(
            "starttls", \.startTLS, .choice(), fallback: "offer where tls is set and role is not smtps, else off",
            "Whether clients may, or must, use STARTTLS"),
        .value(
            "proxy_protocol", \.proxyProtocol, .choice(),
            "Whether a connection must begin with a PROXY header, of version 1 or 2"),
        .value(
            "proxy_protocol_trusted", \.proxyProtocolTrusted, .networks,
            "The networks that may connect where a PROXY header is required; others are refused"),
    ]

    private static let dialogue: [Field<Self>] = [
        .value(
            "dial", \.dial, .choice(),
            "When the upstream is dialled: at once, or after the client's TLS, so that a PROXY header can tell of it;"
                + " then Mailrace greets"),
        .value(
            "hide_capabilities", \.hideCapabilities,
            .list(of: .capability, named: "keywords, as in [\"CHUNKING\"]", mayBeEmpty: true),
            "Keywords that are taken out of the upstream's EHLO replies"),
        .value(
            "ehlo_before_tls", \.ehloBeforeTLSAsWritten, .optionalChoice(none: "auto"),
            "What becomes of STARTTLS in the upstream's EHLO reply before TLS; auto is inject, or pass where starttls"
                + " is off"),
        .value(
            "ehlo_inside_tls", \.ehloInsideTLS, .choice(),
            "What becomes of STARTTLS in the upstream's EHLO reply inside TLS"),
        .value(
            "minimum_rate", \.minimumRate, .size(0...(1 << 30)),
            "The bytes a second that an opaque session must move, else it ends; 0 is none. Where Mailrace stays in the"
                + " protocol, those that a client's message must have; 0 is 500"),
    ]

    private static let envelope: [Field<Self>] = [
        .value(
            "greeting", \.greeting, .replyText(bytesMax: 200),
            "At envelope depth, what stands behind the host name in the greeting"),
        .value(
            "greeting_teaser", \.greetingTeaser, .replyText(bytesMax: 200),
            "At envelope depth, a line that is sent at once where the greeting is held back; empty is none"),
        .value(
            "greeting_delay", \.greetingDelay, .duration(.zero ... .seconds(60)),
            "At envelope depth, how long the greeting is held back; who speaks before it is refused"),
        .value(
            "capabilities", \.capabilities,
            .list(
                of: .capabilityLine, named: "lines of EHLO, as in [\"PIPELINING\", \"SIZE 26214400\"]", mayBeEmpty: true
            ),
            "At envelope depth, what the reply to EHLO lists beside STARTTLS and AUTH"),
        .value(
            "client_buffer", \.clientBuffer, .size(512...(1 << 20)),
            "At envelope depth, the longest command line, that of AUTH apart; any number of them may come at once"),
        .value(
            "max_errors", \.maxErrors, .integer(1...1_000_000),
            "At envelope depth, refused commands of one session that are answered; one more ends it"),
        .value(
            "max_commands", \.maxCommands, .integer(1...1_000_000),
            "At envelope depth, commands of one session before its hand-off; one more ends it"),
        .value(
            "max_messages_per_address", \.maxMessagesPerAddress, .rate,
            "At envelope depth, how many messages one client address may begin in a span of time; 0 is no limit"),
        .value(
            "xclient_trusted", \.xclientTrusted, .networks,
            "At envelope depth, the networks that may say by XCLIENT which client it is"),
        .value(
            "client_names", \.looksUpClientNames, .boolean,
            "At envelope depth, whether the host names of clients are looked up, for the authenticator and the upstream"
        ),
    ]

    static let later = ["check"]

    mutating func complete(from table: Node) {
        if table["starttls"] == nil { startTLS = tls == nil || role == .smtps ? .off : .offer }
        if table["stat_prefix"] == nil { statPrefix = name }
        let auth = table["auth"]
        if auth?["mechanisms"] == nil, authentication.authenticator != nil {
            authentication.mechanisms = Settings.Authentication.standardMechanisms
        }
        if auth?["require"] == nil { authentication.isRequired = depth == .envelope && role != .smtp }
    }
}
