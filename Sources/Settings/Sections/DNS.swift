extension Settings {
    /// `[dns]`: how the names of servers are looked up.
    public struct DNS: Sendable, Equatable {
        /// Empty: the servers of the system.
        public internal(set) var servers: [Endpoint] = []
        /// What one server gets to answer, at each try.
        public internal(set) var timeout: Duration = .seconds(5)
        /// How often each server is asked.
        public internal(set) var tries = 2

        init() {}
    }
}

extension Settings.DNS: Section {
    private static let port: UInt16 = 53

    static let fields: [Field<Self>] = [
        .value(
            "servers", \.servers,
            .list(
                of: .endpoint(ports: 1...65_535, default: port), named: "addresses, as in [\"192.0.2.53\"]",
                mayBeEmpty: true),
            "The addresses of the name servers; without a port, 53. Empty is those of the system"),
        .value(
            "timeout", \.timeout, .duration(.milliseconds(1) ... .seconds(60)),
            "How long a server may take to answer, at each try"),
        .value("tries", \.tries, .integer(1...10), "How often each server is asked"),
    ]
}
