/// What is counted and measured, as scrapers see it: a name, and a line for each combination of its labels' values.
public struct Series: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// Only grows while the process lives.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts by size, with their sum.
        case histogram
        /// A counter under a name that others gave it, without the ending that counters have here.
        case untyped
    }

    public let name: String
    public let kind: Kind
    public let labels: [String]
    /// One sentence for the person who reads it.
    public let help: String

    init(_ name: String, _ kind: Kind, _ labels: [String], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    /// One of Mailrace's own. The log has `name`; scrapers want to see whose it is, and that it is a counter.
    fileprivate static func own(_ name: String, _ kind: Kind, _ labels: [String], _ help: String) -> Series {
        let ending = kind == .counter && !name.hasSuffix("_total") ? "_total" : ""
        return Series("mailrace_\(name)\(ending)", kind, labels, help)
    }

    /// Every series there is, in the order in which they are shown.
    public static let all: [Series] =
        Counter.allCases.map(\.series) + Gauge.allCases.map(\.series) + CounterFamily.allCases.map(\.series)
        + [MessageRoute.series] + Histogram.allCases.map(\.series) + MapTally.Family.allCases.map(\.series)
        + ServerTally.Value.allCases.map(\.series)
        + ProcessFigure.allCases.map(\.series) + Counter.tunnelNames.map(\.tunnelSeries)
        + EdgeSeries.allCases.map(\.series)
}

extension Counter {
    var series: Series { .own(name, .counter, ["stat_prefix"], help) }

    /// Those that the filter whose place the tunnel takes has, by the names that its dashboards know.
    static let tunnelNames: [Counter] = [
        .sessions, .sessionsUpstreamDesync, .sessionsDownstreamDesync, .sessionsBadLine, .sessionsBadPipeline,
        .sessionsBadEhlo, .sessionsNonEsmtp, .sessionsEsmtpUnencrypted, .sessionsDownstreamTerminatedSSL,
        .sessionsUpstreamTerminatedSSL, .sessionsDownstreamSSLErr, .sessionsUpstreamSSLErr,
        .sessionsUpstreamSSLCommandErr,
    ]

    var tunnelSeries: Series { Series("smtp_\(name)", .untyped, ["stat_prefix"], help) }
}

extension Gauge {
    var series: Series { .own(name, .gauge, ["stat_prefix"], help) }
}

extension CounterFamily {
    var series: Series { .own(name, .counter, ["stat_prefix", label], help) }
}

extension MessageRoute {
    static let series = Series.own(name, .counter, ["stat_prefix"] + labelNames, help)
}

extension Histogram {
    var series: Series { .own(name, .histogram, ["stat_prefix"], help) }
}

extension MapTally.Family {
    var series: Series { .own(name, .counter, ["map", label], help) }
}

extension ServerTally.Value {
    var series: Series { .own(name, isGauge ? .gauge : .counter, ["upstream", "server"], help) }
}

/// What is shown besides by the names of the server whose place the deeper relays take, as far as it has a meaning.
enum EdgeSeries: CaseIterable {
    case connections, activeConnections, tlsConnections, commands, commandDuration

    var series: Series {
        switch self {
        case .connections: Series("smtpd_connections_total", .counter, ["listener"], "Connections accepted.")
        case .activeConnections:
            Series("smtpd_connections_active", .gauge, ["listener"], Gauge.sessionsActive.help)
        case .tlsConnections:
            Series(
                "smtpd_tls_connections_total", .counter, ["listener"], Counter.sessionsDownstreamTerminatedSSL.help)
        case .commands:
            Series(
                "smtpd_commands_total", .counter, ["listener", "command"],
                "Commands of clients before the hand-off.")
        case .commandDuration:
            Series(
                "smtpd_command_duration_seconds", .histogram, ["listener"], Histogram.commandDuration.help)
        }
    }
}
