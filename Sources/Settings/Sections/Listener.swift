extension Settings {
    /// `[listener.NAME]`: where clients connect, and what they meet there.
    public struct Listener: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var listen: [Endpoint] = []
        public internal(set) var role = Role.smtp
        public internal(set) var depth = Depth.tunnel
        /// The name of a TLS set.
        public internal(set) var tls: String?
        public internal(set) var startTLS = StartTLS.off
        /// What the listener's counters go by.
        public internal(set) var statPrefix = ""
        /// The name of an upstream.
        public internal(set) var upstream = ""
        public internal(set) var timeouts = Timeouts()

        init() {}

        public enum Role: String, Sendable, CaseIterable {
            case smtp
        }

        /// How deep a session is looked into.
        public enum Depth: String, Sendable, CaseIterable {
            case tunnel
        }

        /// Whether clients may, or must, use STARTTLS (RFC 3207).
        public enum StartTLS: String, Sendable, CaseIterable {
            case off, offer, require
        }
    }
}

extension Settings.Listener: NamedSection {
    static let fields: [Field<Self>] = [
        .value(
            "listen", \.listen, .list(of: .endpoint(ports: 0...65_535), named: "addresses, as in [\"[::]:25\"]"),
            required: true, "The addresses and ports to listen on"),
        .value("role", \.role, .choice(later: ["submission", "smtps"]), "What kind of service it is"),
        .value("depth", \.depth, .choice(later: ["envelope", "message"]), "How deep sessions are looked into"),
        .value("tls", \.tls, .optionalName, "The TLS set whose certificates it shows"),
        .value(
            "starttls", \.startTLS, .choice(), fallback: "offer where tls is set, else off",
            "Whether clients may, or must, use STARTTLS"),
        .value("stat_prefix", \.statPrefix, .name, fallback: "the listener's name", "What its counters go by"),
        .value("upstream", \.upstream, .name, required: true, "The upstream that sessions go to"),
        .table("timeouts", \.timeouts),
    ]

    static let later = [
        "dial", "proxy_protocol", "proxy_protocol_trusted", "capabilities", "hide_capabilities", "client_buffer",
        "greeting_delay", "max_errors", "max_commands", "max_message_size", "max_recipients", "recipient_delimiter",
        "bare_newline", "multi_route", "xclient_trusted", "systemd", "auth", "route", "check",
    ]

    mutating func complete(from table: Node) {
        if table["starttls"] == nil { startTLS = tls == nil ? .off : .offer }
        if table["stat_prefix"] == nil { statPrefix = name }
    }
}
