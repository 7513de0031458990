/// How a client of HTTP connects, and how much it takes.
public struct HTTPConfiguration: Sendable, Equatable {
    /// For a connection, TLS included. At least a millisecond.
    public var connectTimeout = Duration.seconds(5)
    /// The authorities that vouch for servers, a PEM file; nil: those of the system.
    public var authoritiesFile: String?
    /// For how long a connection takes what the file said for what it says: to read all authorities of a system takes a
    /// hundredth of a second, in which the shard does nothing else. Whole seconds; libcurl would take a day.
    public var authoritiesLifetime = Duration.seconds(60)
    /// Certificates are looked at. Without, anybody in between can answer.
    public var verifies = true
    /// Requests in flight at once.
    public var requestsLimit = 1_000
    /// The header of an answer with its status line.
    public var headerLimitBytes = 64 << 10
    /// The body of an answer.
    public var bodyLimitBytes = 1 << 20
    /// Idle connections that are kept for the next request.
    public var idleConnectionsLimit = 16
    /// For how long they are used again.
    public var idleTimeout = Duration.seconds(60)
    /// For how long a body that nobody wants is read, so that its connection can be used again.
    public var leftoverTimeout = Duration.seconds(1)

    public init() {}
}
