import Relay
import Ring
import Telemetry

/// How the process does, for a person in trouble: one value for the page and for JSON.
struct StatusReport: Sendable {
    let standing: AdminBoard.Standing
    let now: UTCTime
    let start: UTCTime
    let shardCount: Int
    let sessions: Int
    let rates: Rates
    let listeners: [Listener]
    let upstreams: [Upstream]
    /// What went wrong since the start, the most frequent first.
    let troubles: [Trouble]
    let oldest: SessionsReport
    let visitors: [Visitors.Visitor]
    let logLinesDropped: Int

    /// Counted during the last minute, and the past of it.
    struct Rates: Sendable {
        let perMinute: [UInt64]
        let charts: [[RateHistory.Point]]
        let span: RateHistory.Span

        subscript(_ value: RateHistory.Value) -> UInt64 { perMinute[value.rawValue] }
    }

    struct Listener: Sendable {
        let configured: AdminBoard.Configured.Listener
        let sessions: UInt64
        let opaque: UInt64
        let total: UInt64
        let sessionsPerMinute: UInt64
        let refusedPerMinute: UInt64
    }

    struct Upstream: Sendable {
        let configured: AdminBoard.Configured.Upstream
        let servers: [Server]

        struct Server: Sendable {
            let name: String
            /// Shards that hold it for up.
            let upShards: Int
            let connections: Int
            let connects: Int
            let connectFailures: Int
            let failures: Int
            let ejections: Int
            let failedChecks: Int
        }
    }

    struct Trouble: Sendable {
        let name: String
        let help: String
        let count: UInt64
    }

    /// Sessions and addresses that are shown.
    static let rows = 20
    /// From this age on the last quarter of an hour says more than the last minute.
    private static let youthMilliseconds: Int64 = 180_000

    var state: String {
        if standing.isDraining { return "draining" }
        return standing.isReady ? "ready" : "starting"
    }

    var uptimeSeconds: Double { Double(max(0, now.unixMilliseconds - start.unixMilliseconds)) / 1000 }

    /// Days until the certificate expires; negative where it has.
    func daysLeft(of certificate: AdminBoard.Configured.Certificate) -> Int {
        let seconds = certificate.notAfter - now.unixMilliseconds / 1000
        return Int((Double(seconds) / 86_400).rounded(.down))
    }
}

extension StatusReport {
    /// Blocks for a moment: shards are asked for their sessions.
    init(_ pages: AdminPages) {
        let counters = pages.counters
        standing = pages.board.now
        start = pages.start
        shardCount = pages.shardCount
        sessions = pages.limits.sessions
        oldest = SessionsReport(pages.survey, limit: Self.rows)
        let now = oldest.now
        self.now = now
        let span: RateHistory.Span =
            now.unixMilliseconds - start.unixMilliseconds < Self.youthMilliseconds ? .minute : .quarterHour
        rates = Rates(
            perMinute: RateHistory.Value.allCases.map { pages.rates.perMinute(of: $0) },
            charts: RateHistory.Value.allCases.map { pages.rates.series(of: $0, span) }, span: span)
        listeners = standing.configured.listeners.map { listener in
            let prefix = listener.statPrefix
            return Listener(
                configured: listener, sessions: counters.total(of: .sessionsActive, statPrefix: prefix),
                opaque: counters.total(of: .sessionsPassthrough, statPrefix: prefix),
                total: counters.total(of: .sessions, statPrefix: prefix),
                sessionsPerMinute: pages.listenerRates.perMinute(of: .sessions, statPrefix: prefix),
                refusedPerMinute: pages.listenerRates.perMinute(of: .refused, statPrefix: prefix))
        }
        upstreams = standing.configured.upstreams.map { upstream in
            Upstream(
                configured: upstream,
                servers: upstream.servers.map { Upstream.Server(counters.tally(upstream: upstream.name, server: $0)) })
        }
        troubles = Counter.troubles.map { counter in
            Trouble(name: counter.name, help: counter.help, count: counters.total(of: counter))
        }.filter { $0.count > 0 }.sorted { $0.count > $1.count }
        visitors = pages.limits.visitors.top(Self.rows)
        logLinesDropped = pages.logLinesDropped
    }
}

extension StatusReport.Upstream.Server {
    init(_ tally: ServerTally) {
        self.init(
            name: tally.server, upShards: tally[.up], connections: tally[.connections], connects: tally[.connects],
            connectFailures: tally[.connectFailures], failures: tally[.failures], ejections: tally[.ejections],
            failedChecks: tally[.failedChecks])
    }
}

extension Counter {
    /// What a person in trouble wants to see if it has moved.
    fileprivate static let troubles: [Counter] = [
        .sessionsRefused, .sessionsRefusedAddress, .sessionsRefusedRate, .sessionsProxyUntrusted,
        .sessionsBadProxyHeader, .sessionsTLSRequired, .sessionsBadLine, .sessionsBadPipeline, .sessionsBadEhlo,
        .sessionsDownstreamDesync, .sessionsDownstreamSSLErr, .sessionsUpstreamConnectFail, .sessionsUpstreamFull,
        .sessionsUpstreamRefused, .sessionsUpstream421, .sessionsUpstreamEarlyClose, .sessionsUpstreamBadReply,
        .sessionsUpstreamDesync, .sessionsUpstreamSSLErr, .sessionsUpstreamSSLCommandErr,
        .sessionsUpstreamSSLNotOffered, .sessionsCommandTimeout, .sessionsIdleTimeout, .sessionsSessionTimeout,
        .sessionsTooSlow, .sessionsDrained,
    ]
}
