extension Settings {
    /// `[timeouts]`, for all listeners or, within a listener, for that one.
    public struct Timeouts: Sendable, Equatable {
        /// Until a greeting is read from the upstream and written to the client.
        public internal(set) var greeting: Duration = .seconds(30)
        /// Until the client has sent its next command.
        public internal(set) var command: Duration = .seconds(300)
        /// Until the upstream has answered a command.
        public internal(set) var reply: Duration = .seconds(300)
        /// Until a TLS handshake is complete, on either side.
        public internal(set) var tlsHandshake: Duration = .seconds(10)
        /// Without a byte in either direction, once a session is opaque.
        public internal(set) var passthroughIdle: Duration = .seconds(3_600)

        init() {}
    }
}

extension Settings.Timeouts: Section {
    private static let range: ClosedRange<Duration> = .milliseconds(1) ... .seconds(7 * 86_400)

    static let fields: [Field<Self>] = [
        .value("greeting", \.greeting, .duration(range), "Until the upstream's greeting has reached the client"),
        .value("command", \.command, .duration(range), "Until the client has sent its next command"),
        .value("reply", \.reply, .duration(range), "Until the upstream has answered a command"),
        .value("tls_handshake", \.tlsHandshake, .duration(range), "Until a TLS handshake is complete"),
        .value(
            "passthrough_idle", \.passthroughIdle, .duration(range),
            "Without a byte in either direction, once a session is opaque"),
    ]

    static let later = ["data", "final_reply"]
}
