extension Settings {
    /// `[timeouts]`, for all listeners or, within a listener, for that one.
    public struct Timeouts: Sendable, Equatable {
        /// Until the upstream has greeted; anew for each server that is tried.
        public internal(set) var greeting: Duration = .seconds(30)
        /// Until the client has sent its next command.
        public internal(set) var command: Duration = .seconds(300)
        /// Until a session at envelope depth is handed over, whatever its client says.
        public internal(set) var conversation: Duration = .seconds(1_800)
        /// Until the upstream has answered a command.
        public internal(set) var reply: Duration = .seconds(300)
        /// Until the client has sent more of a message, where messages are relayed one by one.
        public internal(set) var data: Duration = .seconds(180)
        /// Likewise: until the upstream has said what becomes of a message (RFC 5321 section 4.5.3.2.6).
        public internal(set) var finalReply: Duration = .seconds(600)
        /// Until a TLS handshake is complete, on either side.
        public internal(set) var tlsHandshake: Duration = .seconds(10)
        /// Without a byte in either direction, once a session is opaque.
        public internal(set) var passthroughIdle: Duration = .seconds(3_600)
        /// Until the PROXY header of a client is complete.
        public internal(set) var proxyHeader: Duration = .seconds(5)
        /// The longest that a session may be opaque; zero is no end.
        public internal(set) var session: Duration = .zero
        /// In place of `command`, if shorter, once there are 90 % of `runtime.max_sessions`.
        public internal(set) var stressCommand: Duration = .seconds(10)

        init() {}
    }
}

extension Settings.Timeouts: Section {
    private static let range: ClosedRange<Duration> = .milliseconds(1) ... .seconds(7 * 86_400)

    static let fields: [Field<Self>] = [
        .value("greeting", \.greeting, .duration(range), "Until the upstream has greeted"),
        .value("command", \.command, .duration(range), "Until the client has sent its next command"),
        .value(
            "conversation", \.conversation, .duration(range),
            "Until a session at envelope depth is handed over, whatever its client says"),
        .value("reply", \.reply, .duration(range), "Until the upstream has answered a command"),
        .value(
            "data", \.data, .duration(range),
            "Until the client has sent more of a message, where messages are relayed one by one"),
        .value(
            "final_reply", \.finalReply, .duration(range),
            "Until the upstream has said what becomes of a message, where messages are relayed one by one"),
        .value("tls_handshake", \.tlsHandshake, .duration(range), "Until a TLS handshake is complete"),
        .value(
            "passthrough_idle", \.passthroughIdle, .duration(range),
            "Without a byte in either direction, once a session is opaque"),
        .value("proxy_header", \.proxyHeader, .duration(range), "Until the PROXY header of a client is complete"),
        .value(
            "session", \.session, .duration(.zero...range.upperBound),
            "How long a session may be opaque, which then ends wherever it is; 0s is no end"),
        .value(
            "stress_command", \.stressCommand, .duration(range),
            "In place of command, if shorter, while there are 90 % of max_sessions or more"),
    ]
}
