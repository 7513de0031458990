/// Times that are counted for each listener, sorted into fixed buckets.
public enum Histogram: Int, CaseIterable, Sendable {
    /// From the accepted connection to the end of the session.
    case sessionDuration
    /// TLS handshakes with clients that were completed.
    case downstreamTLSHandshake
    /// TLS handshakes with upstream servers that were completed.
    case upstreamTLSHandshake
    /// From the arrival of a client's command to its reply, whoever gave that; before the hand-off alone.
    case commandDuration
    /// Connections to upstream servers that were made.
    case upstreamConnect
    /// From the question to an authenticator to its answer.
    case decisionDuration
    /// From a connection to an upstream server, and TLS where that comes first, to its greeting.
    case upstreamGreeting
    /// All that an upstream server was told of a client by XCLIENT or XFORWARD, and its answers.
    case upstreamIdentity
    /// AUTH with an upstream server, whatever came of it.
    case upstreamAuthentication
    /// The client's MAIL and first RCPT with an upstream server, at envelope depth.
    case upstreamEnvelope
}

extension Histogram {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String { definition.name }

    /// One sentence for the person who reads a snapshot.
    public var help: String { definition.help }

    /// The upper ends of the buckets in milliseconds, ascending; what is longer is counted by the total alone.
    public var bounds: [UInt64] { self == .sessionDuration ? Self.longBounds : Self.shortBounds }

    /// Buckets that have an upper end.
    static let boundCount = 16

    private static let shortBounds: [UInt64] = [
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
    ]
    private static let longBounds: [UInt64] = [
        10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
        3_600_000,
    ]

    private var definition: (name: String, help: String) {
        switch self {
        case .sessionDuration: ("session_duration_seconds", "How long sessions lived.")
        case .downstreamTLSHandshake:
            ("downstream_tls_handshake_seconds", "How long completed TLS handshakes with clients took.")
        case .upstreamTLSHandshake:
            ("upstream_tls_handshake_seconds", "How long completed TLS handshakes with upstream servers took.")
        case .commandDuration:
            ("command_duration_seconds", "From a client's command to its reply, before the hand-off.")
        case .decisionDuration: ("decision_duration_seconds", "How long authenticators took to answer.")
        case .upstreamGreeting: ("upstream_greeting_seconds", "How long upstream servers took to greet.")
        case .upstreamIdentity:
            ("upstream_identity_seconds", "How long upstream servers took to be told who a client is.")
        case .upstreamAuthentication:
            ("upstream_authentication_seconds", "How long authenticating to upstream servers took.")
        case .upstreamEnvelope:
            ("upstream_envelope_seconds", "How long upstream servers took for MAIL and the first RCPT.")
        case .upstreamConnect: ("upstream_connect_seconds", "How long connections to upstream servers took to make.")
        }
    }
}

/// What a histogram holds: counts for each bucket, and the sum of all that was counted.
public struct HistogramValue: Sendable, Equatable {
    /// For each of `Histogram.bounds` what lies at or under it and over the one before, then what lies over all.
    public internal(set) var counts = [UInt64](repeating: 0, count: Histogram.boundCount + 1)
    public internal(set) var sumNanoseconds: UInt64 = 0

    public var total: UInt64 { counts.reduce(0, &+) }

    mutating func add(_ other: HistogramValue) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sumNanoseconds &+= other.sumNanoseconds
    }
}
