extension Settings {
    /// `[runtime]`: the process as a whole.
    public struct Runtime: Sendable, Equatable {
        /// Threads with a ring each; 0 is one a core.
        public internal(set) var shards = 0
        /// Sessions of the whole process at one time.
        public internal(set) var maxSessions = 10_000
        /// Sessions of one client address in the whole process, where a listener does not say otherwise; 0 is no limit.
        public internal(set) var maxSessionsPerAddress = 50
        /// Connections that are taken from one client address; a count of 0 is no limit.
        public internal(set) var maxAcceptsPerAddress = Rate(count: 0, per: .seconds(60))
        /// Clients that the limits for an address do not hold for.
        public internal(set) var limitsExempt = [
            Network(address: [127, 0, 0, 0], prefixLength: 8),
            Network(address: [UInt8](repeating: 0, count: 15) + [1], prefixLength: 128),
        ]
        /// What a session gets to finish after its hand-off when the process ends.
        public internal(set) var drainTimeout: Duration = .seconds(30)
        /// Where `mailrace reload` finds the process; nil is nowhere.
        public internal(set) var controlSocket = SocketPath("/run/mailrace/control.sock")
        /// Whether certificates and keys are read again when their files change.
        public internal(set) var reloadOnChange = true
        public internal(set) var ringFeatures = RingFeatures.probe
        /// Whether large flows without TLS go through pipes, uncopied.
        public internal(set) var splice = true
        /// Whom the process goes on as when it was started as root; empty is as root.
        public internal(set) var user = "mailrace"

        init() {}

        /// Which features of io_uring are used.
        public enum RingFeatures: String, Sendable, CaseIterable {
            /// All that the running kernel has.
            case probe
            /// Those of kernel 6.1 alone, to compare or to work around.
            case kernel61 = "6.1"
        }
    }
}

extension Settings.Runtime: Section {
    static let fields: [Field<Self>] = [
        .value("shards", \.shards, .integer(0...1_024), "Threads with a ring each; 0 is one a core"),
        .value("max_sessions", \.maxSessions, .integer(1...1_000_000), "Sessions of the whole process at one time"),
        .value(
            "max_sessions_per_address", \.maxSessionsPerAddress, .integer(0...1_000_000),
            "Sessions of one client address at one time, in the whole process; 0 is no limit. IPv6 counts by /64;"
                + " behind PROXY the client's real address counts"),
        .value(
            "max_accepts_per_address", \.maxAcceptsPerAddress, .rate,
            "How many connections one client address may open in a span of time; 0 is no limit"),
        .value(
            "limits_exempt", \.limitsExempt, .networks,
            "Networks of clients that the limits for an address do not hold for"),
        .value(
            "drain_timeout", \.drainTimeout, .duration(.zero ... .seconds(86_400)),
            "How long sessions may go on when the process is told to end"),
        .value(
            "control_socket", \.controlSocket, .optionalSocketPath,
            "The Unix socket by which mailrace reload finds the process; empty is none"),
        .value(
            "reload_on_change", \.reloadOnChange, .boolean,
            "Whether certificates and keys are read again when their files change"),
        .value(
            "io_uring_features", \.ringFeatures, .choice(),
            "probe uses what the kernel has; 6.1 keeps to the features of kernel 6.1"),
        .value(
            "splice", \.splice, .boolean,
            "Whether large flows without TLS are relayed by splice(2), without being copied"),
        .value(
            "user", \.user, .text("the name of a user, or \"\""),
            "The user that the process goes on as, once it listens, when it was started as root; empty is as root"),
    ]
}
