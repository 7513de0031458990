import Ring

/// The result of a load run, to be printed or judged.
struct LoadSummary: Sendable {
    let settings: LoadSettings
    let target: SocketAddress
    let run: UInt64
    let report: LoadReport
    let elapsedNanoseconds: UInt64
    /// CPU time of the client, and of the sink where it is in the same process.
    let processorNanoseconds: UInt64
    /// What the run's own sink has seen, or what a journal tells of sinks elsewhere.
    let sink: SinkReport?

    static let quantiles: [(name: String, fraction: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    /// Messages that were accepted and have not arrived intact; nil where that is not known.
    var lost: Int? { arrived.map { report.accepted.missing(in: $0) } }

    /// Ambiguous messages that have arrived; nil where that is not known.
    private var ambiguousArrived: Int? { arrived.map { report.ambiguous.count - report.ambiguous.missing(in: $0) } }

    private var arrived: NumberSet? { sink.map { $0.ledger.runs[run] ?? NumberSet() } }

    /// All went well: every session went through, every message was accepted and, as far as can be seen, arrived once.
    var isClean: Bool {
        report.isClean && lost ?? 0 == 0 && sink?.isClean ?? true
    }

    private var seconds: Double { max(Double(elapsedNanoseconds) / 1e9, 1e-9) }
    private var sessionsPerSecond: Double { Double(report.sessionsDone) / seconds }
    private var messagesPerSecond: Double { Double(report.messagesAccepted) / seconds }
    private var mebibytesPerSecond: Double { Double(report.bytesAccepted) / seconds / 1_048_576 }

    // MARK: JSON

    var json: JSON {
        var members: [(String, JSON)] = [
            ("target", .string("\(target)")), ("run", .string(String(run, radix: 16))),
            ("seconds", .number(rounded(seconds))),
            ("sessions", .integer(report.sessionsBegun)), ("sessions_done", .integer(report.sessionsDone)),
            ("sessions_failed", .integer(report.sessionsFailed)),
            ("messages_accepted", .integer(report.messagesAccepted)),
            ("messages_failed", .integer(report.messagesFailed)),
            ("messages_ambiguous", .integer(report.ambiguous.count)),
            ("errors", report.failures.json),
            ("sessions_per_second", .number(rounded(sessionsPerSecond))),
            ("messages_per_second", .number(rounded(messagesPerSecond))),
            ("mebibytes_per_second", .number(rounded(mebibytesPerSecond))),
            ("cpu_seconds", .number(rounded(Double(processorNanoseconds) / 1e9))),
            ("session_milliseconds", times(report.sessionTimes)),
            ("message_milliseconds", times(report.messageTimes)),
        ]
        if let lost { members.append(("lost", .integer(lost))) }
        if let ambiguousArrived { members.append(("ambiguous_arrived", .integer(ambiguousArrived))) }
        if let sink { members.append(("sink", sink.json)) }
        members.append(("ok", .bool(isClean)))
        return .object(members)
    }

    private func times(_ histogram: Histogram) -> JSON {
        var members = Self.quantiles.map { quantile in
            (quantile.name, histogram.quantile(quantile.fraction).map { JSON.number(milliseconds($0)) } ?? .null)
        }
        members.append(("max", histogram.count > 0 ? .number(milliseconds(histogram.max)) : .null))
        return .object(members)
    }

    // MARK: Text

    var text: String {
        let lines = [
            "target      \(target), \(settings.summary)",
            "sessions    \(report.sessionsDone) done, \(report.sessionsFailed) failed",
            "messages    \(report.messagesAccepted) accepted, \(report.messagesFailed) failed" + fate,
            "rate        \(rounded(sessionsPerSecond)) sessions/s, \(rounded(messagesPerSecond)) messages/s, "
                + "\(rounded(mebibytesPerSecond)) MiB/s, in \(rounded(seconds)) s",
            "CPU         \(rounded(Double(processorNanoseconds) / 1e9)) s of "
                + (sink == nil ? "the client" : "client and sink"),
            "",
            "ms          " + (Self.quantiles.map(\.name) + ["max"]).map { $0.aligned(to: 10) }.joined(),
            row("session", report.sessionTimes),
            row("message", report.messageTimes),
        ]
        return (lines + report.failures.lines).map { $0 + "\n" }.joined()
    }

    private var fate: String {
        var words = ""
        if report.ambiguous.count > 0 {
            words += " (\(report.ambiguous.count) ambiguous"
            words += ambiguousArrived.map { ", of which \($0) arrived)" } ?? ")"
        }
        if let sink, let lost { words += ", \(lost) lost, \(sink.damaged) damaged, \(sink.duplicates) twice" }
        return words
    }

    private func row(_ name: String, _ histogram: Histogram) -> String {
        let values = Self.quantiles.map { histogram.quantile($0.fraction) } + [histogram.max]
        return name.padded(to: 12) + values.map { ($0.map { "\(milliseconds($0))" } ?? "-").aligned(to: 10) }.joined()
    }

    private func milliseconds(_ nanoseconds: UInt64) -> Double { rounded(Double(nanoseconds) / 1e6) }

    /// To a thousandth.
    private func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
