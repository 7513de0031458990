extension Settings {
    /// `[runtime]`: the process as a whole.
    public struct Runtime: Sendable, Equatable {
        /// Threads with a ring each; 0 is one a core.
        public internal(set) var shards = 0
        /// Sessions of the whole process at one time.
        public internal(set) var maxSessions = 10_000
        /// What a session in its transaction gets to finish when the process ends.
        public internal(set) var drainTimeout: Duration = .seconds(30)
        public internal(set) var ringFeatures = RingFeatures.probe

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
            "drain_timeout", \.drainTimeout, .duration(.zero ... .seconds(86_400)),
            "How long sessions may go on when the process is told to end"),
        .value(
            "io_uring_features", \.ringFeatures, .choice(),
            "probe uses what the kernel has; 6.1 keeps to the features of kernel 6.1"),
    ]

    static let later = ["max_sessions_per_address", "max_accepts_per_address", "limits_exempt", "user"]
}
