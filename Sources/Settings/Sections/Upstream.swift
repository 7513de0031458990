extension Settings {
    /// `[upstream.NAME]`: the servers that sessions go to.
    public struct Upstream: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var servers: [Endpoint] = []
        public internal(set) var balance = Balance.first
        /// What each server gets to take a connection.
        public internal(set) var connectTimeout: Duration = .seconds(5)

        init() {}

        /// Which server a session goes to.
        public enum Balance: String, Sendable, CaseIterable {
            /// The first, and the others in their order where it fails.
            case first
        }
    }
}

extension Settings.Upstream: NamedSection {
    private static let smtpPort: UInt16 = 25

    static let fields: [Field<Self>] = [
        .value(
            "servers", \.servers,
            .list(of: .endpoint(ports: 1...65_535, default: smtpPort), named: "addresses, as in [\"192.0.2.1:25\"]"),
            required: true, "The addresses of the servers; without a port, 25"),
        .value(
            "balance", \.balance, .choice(later: ["round-robin", "least-sessions", "hash-client"]),
            "Which server a session goes to; first is the first that takes it, in their order"),
        .value(
            "connect_timeout", \.connectTimeout, .duration(.milliseconds(1) ... .seconds(3_600)),
            "How long one server may take to accept a connection"),
    ]

    static let later = [
        "protocol", "tls", "tls_verify", "tls_server_name", "tls_ca", "tls_pin_sha256", "helo", "source",
        "proxy_protocol", "proxy_protocol_tlvs", "xclient", "max_connections", "health", "retry",
    ]
}
