/// Times and sizes that are counted for each listener, sorted into fixed buckets.
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
    /// From the first RCPT to where its mail goes, where it has to be looked for: the maps, and what is behind them.
    case routeLookup
    /// From MAIL to the last reply to a message, where Mailrace stays in the protocol.
    case messageDuration
    /// From the 354, or the first BDAT, to the end of the client's message.
    case messageData
    /// From the end of a message to what the upstream server says of it.
    case messageFinalReply
    /// A message as it came (RFC 1870 section 5), whatever became of it; bytes.
    case messageSize
}

extension Histogram {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String { definition.name }

    /// One sentence for the person who reads a snapshot.
    public var help: String { definition.help }

    /// What is measured.
    public enum Unit: Sendable {
        case time
        case bytes
    }

    public var unit: Unit { self == .messageSize ? .bytes : .time }

    /// The upper ends of the buckets in milliseconds or bytes, ascending; what is more is counted by the total alone.
    public var bounds: [UInt64] {
        switch self {
        case .sessionDuration, .messageDuration: Self.longBounds
        case .messageSize: Self.sizeBounds
        default: Self.shortBounds
        }
    }

    /// The same in what is added up: nanoseconds or bytes.
    func end(of bucket: Int) -> UInt64 { unit == .time ? bounds[bucket] * 1_000_000 : bounds[bucket] }

    /// A number of what is added up, as it is shown.
    func shown(_ amount: UInt64) -> ExpositionValue { unit == .time ? .nanoseconds(amount) : .whole(amount) }

    /// Buckets that have an upper end.
    static let boundCount = 16

    private static let shortBounds: [UInt64] = [
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
    ]
    private static let longBounds: [UInt64] = [
        10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
        3_600_000,
    ]
    /// From 1 KiB to 50 MiB.
    private static let sizeBounds: [UInt64] = [
        1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20,
        2 << 20, 5 << 20, 10 << 20, 25 << 20, 50 << 20,
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
        case .routeLookup: ("route_lookup_seconds", "How long routers took to say where a recipient's mail goes.")
        case .messageDuration: ("message_duration_seconds", "From MAIL to the last reply to a message.")
        case .messageData: ("message_data_seconds", "How long clients took to send their messages.")
        case .messageFinalReply:
            ("message_final_reply_seconds", "How long upstream servers took to answer the end of a message.")
        case .messageSize: ("message_size_bytes", "Messages of clients by their size.")
        case .upstreamConnect: ("upstream_connect_seconds", "How long connections to upstream servers took to make.")
        }
    }
}

/// What a histogram holds: counts for each bucket, and the sum of all that was counted.
public struct HistogramValue: Sendable, Equatable {
    /// For each of `Histogram.bounds` what lies at or under it and over the one before, then what lies over all.
    public internal(set) var counts = [UInt64](repeating: 0, count: Histogram.boundCount + 1)
    /// Nanoseconds or bytes.
    public internal(set) var sum: UInt64 = 0

    public var total: UInt64 { counts.reduce(0, &+) }

    mutating func add(_ other: HistogramValue) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sum &+= other.sum
    }
}
