import Relay
import Ring
import Telemetry
import Wire

/// What the admin endpoint answers to what.
///
/// Sendable: it is asked on the endpoint's thread.
struct AdminPages: Sendable {
    let board: AdminBoard
    let counters: CounterTable
    let limits: SessionLimits
    let rates: RateHistory
    let listenerRates: ListenerRates
    let log: Log
    let transcripts: TranscriptFiles
    let survey: ShardSurvey
    let shardCount: Int
    let start: UTCTime
    /// Clients come by a Unix socket, where no browser can be lured to.
    let isUnix: Bool

    /// How long shards may take to say that they are there.
    private static let healthPatience = Duration.seconds(1)

    func answer(_ request: AdminRequest) -> AdminReply {
        let standing = board.now
        let host = Array((request.host ?? "").utf8)
        guard isUnix || HostField.isTrusted(host.span, names: [standing.configured.hostname]) else {
            return AdminReply(status: 403, body: "this name is not one of mine; ask by address\n")
        }
        switch request.path {
        case "/": return AdminReply(body: Self.index)
        case "/metrics":
            return AdminReply(
                type: CounterTable.expositionType, body: counters.exposition(process: samples(standing)))
        case "/health": return health()
        case "/ready": return ready(standing)
        case "/status": return AdminReply(type: AdminReply.html, body: StatusPage(report: StatusReport(self)).html)
        case "/status.json": return json(StatusReport(self).json)
        case "/sessions": return json(SessionsReport(survey, limit: Self.limit(request, SessionsReport.rowsMax)).json)
        case "/addresses":
            let visitors = limits.visitors.top(Self.limit(request, Visitors.addressesMax))
            return json(.object([("addresses", .list(visitors.map(\.json)))]))
        default: return AdminReply(status: 404, body: "there is no such page\n\n\(Self.index)")
        }
    }

    private static let index = """
        Mailrace \(Product.version)

        /metrics      counters for Prometheus
        /health       200 while the process and its shards answer
        /ready        200 while sessions are accepted
        /status       how it does, as a page; /status.json for programs
        /sessions     the sessions there are, as JSON, the oldest first
        /addresses    the addresses that come most, as JSON

        """

    private func json(_ value: JSONValue) -> AdminReply {
        AdminReply(type: AdminReply.json, body: value.rendered + "\n")
    }

    /// As many rows as are asked for; where that is no number, all that may be.
    private static func limit(_ request: AdminRequest, _ most: Int) -> Int {
        guard let limit = request.limit.flatMap({ Int($0) }), limit >= 0 else { return most }
        return min(limit, most)
    }

    private func health() -> AdminReply {
        let silent = survey.ask(within: Self.healthPatience) { _, _ in }.silent
        guard !silent.isEmpty else { return AdminReply(body: "ok\n") }
        let numbers = silent.map(String.init).joined(separator: ", ")
        return AdminReply(status: 503, body: "shards that do not answer: \(numbers)\n")
    }

    private func ready(_ standing: AdminBoard.Standing) -> AdminReply {
        if standing.isDraining { return AdminReply(status: 503, body: "draining\n") }
        return standing.isReady ? AdminReply(body: "ready\n") : AdminReply(status: 503, body: "starting\n")
    }

    /// Since the start, of the log and of transcripts.
    var logLinesDropped: Int { log.droppedLinesEver + transcripts.droppedLinesEver }

    private func samples(_ standing: AdminBoard.Standing) -> [ProcessSample] {
        let usage = ProcessUsage.now()
        func whole(_ figure: ProcessFigure, _ value: some BinaryInteger) -> ProcessSample {
            ProcessSample(figure, .whole(UInt64(clamping: value)))
        }
        func moment(_ figure: ProcessFigure, _ time: UTCTime) -> ProcessSample {
            ProcessSample(figure, .nanoseconds(UInt64(clamping: time.unixMilliseconds) &* 1_000_000))
        }
        return [
            ProcessSample(.buildInfo, .whole(1), labels: [Product.version]),
            whole(.ready, standing.isReady ? 1 : 0), whole(.draining, standing.isDraining ? 1 : 0),
            whole(.shards, shardCount), whole(.maxSessions, standing.configured.sessionsMax),
            whole(.logLinesDropped, logLinesDropped),
            whole(.lastReloadSuccessful, standing.reload.isSuccessful ? 1 : 0),
            moment(.lastReloadSuccessTime, standing.reload.successTime),
            whole(.openDescriptors, usage.openDescriptors), whole(.maxDescriptors, usage.descriptorsMax),
            whole(.residentMemory, usage.residentBytes), ProcessSample(.cpuTime, .nanoseconds(usage.cpuNanoseconds)),
            moment(.startTime, start),
        ]
            + standing.configured.certificates.map {
                ProcessSample(
                    .certificateNotAfter, .whole(UInt64(clamping: $0.notAfter)), labels: [$0.set, $0.path])
            }
    }
}
