import CLinux
import Ring

/// How many sessions the process's descriptors carry.
struct SessionCapacity {
    /// What was configured, or less where the descriptors do not carry it.
    let sessionsMax: Int
    /// What to tell the administrator where it is less.
    let warning: String?

    /// A client's socket and its upstream's.
    private static let descriptorsPerSession = 2
    /// Standard streams, log, the admin endpoint with its clients, and what is opened for a moment.
    private static let descriptorsForProcess = 48 + AdminServer.connectionsMax
    /// A ring and an eventfd, with room to turn clients away.
    private static let descriptorsPerShard = 32

    /// - Parameters:
    ///   - pipes: of all shards together.
    ///   - limit: the descriptors that the process may have.
    init(configured: Int, shards: Int, listeningSockets: Int, pipes: Int, descriptorLimit limit: Int) {
        let reserved =
            Self.descriptorsForProcess + Self.descriptorsPerShard * shards + listeningSockets + 2 * pipes
        let carried = max(1, (limit - reserved) / Self.descriptorsPerSession)
        sessionsMax = min(configured, carried)
        warning =
            carried >= configured
            ? nil
            : "runtime.max_sessions is \(configured), but \(limit) descriptors carry \(carried) sessions: "
                + "that many are served. Raise the limit (systemd: LimitNOFILE=)"
    }

    /// Raises the soft limit to the hard one and returns what it is then.
    static func raisedDescriptorLimit() -> Int {
        linux_raise_descriptor_limit()
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        guard linux_descriptor_limits(&soft, &hard) >= 0 else { return 1024 }
        return Int(clamping: soft)
    }
}
