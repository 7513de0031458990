import Relay
import Telemetry

/// The sessions there are, or the oldest of them.
struct SessionsReport: Sendable {
    let now: UTCTime
    /// The oldest first.
    let sessions: [SessionSummary]
    /// How many there are in all, on the shards that answered.
    let total: Int
    /// Shards that did not answer in time: their sessions are missing.
    let silentShards: [Int]

    /// Rows of an answer.
    static let rowsMax = 1_000
    /// How long shards may take to look through their sessions.
    static let patience = Duration.milliseconds(500)

    /// Asks the shards. Blocks for `patience` at most.
    init(_ survey: ShardSurvey, limit: Int) {
        let limit = min(max(0, limit), Self.rowsMax)
        let answers = survey.ask(within: Self.patience) { local, _ in await local.oldestSessions(limit) }
        now = .now()
        sessions = answers.values.reduce([]) { $0.merged(with: $1.sessions, limit) }
        total = answers.values.reduce(0) { $0 + $1.count }
        silentShards = answers.silent
    }

    init(now: UTCTime, sessions: [SessionSummary], total: Int, silentShards: [Int]) {
        self.now = now
        self.sessions = sessions
        self.total = total
        self.silentShards = silentShards
    }

    func ageSeconds(of session: SessionSummary) -> Double {
        Double(max(0, now.unixMilliseconds - session.record.start.unixMilliseconds)) / 1000
    }

    var json: JSONValue {
        .object([
            ("total", .count(total)), ("complete", .flag(silentShards.isEmpty)),
            ("silent_shards", .list(silentShards.map { .count($0) })), ("sessions", .list(sessions.map(row))),
        ])
    }

    private func row(_ session: SessionSummary) -> JSONValue {
        let record = session.record
        return .object([
            ("id", .text(record.id.description)), ("start", .text(record.start.description)),
            ("age_seconds", .decimal(ageSeconds(of: session))), ("phase", .text(record.phase.rawValue)),
            ("listener", .text(record.listener)), ("client", .text(record.client)), ("proxy", .text(record.proxy)),
            ("greeting", .text(record.greeting?.rawValue)), ("name", .text(record.greetingName)),
            ("login", .text(record.login)), ("decision", .text(record.decision)),
            ("tls", .text(record.tls?.version)), ("upstream", .text(record.upstream)),
            ("upstream_tls", .text(record.upstreamTLS?.version)),
            ("bytes_received", .count(session.bytesReceived)), ("bytes_sent", .count(session.bytesSent)),
        ])
    }
}
