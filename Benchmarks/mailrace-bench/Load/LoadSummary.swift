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
    var sink: SinkReport?

    /// Messages that were accepted and have not arrived intact; nil where that is not known.
    var lost: Int? { arrived.map { report.accepted.missing(in: $0) } }

    /// Ambiguous messages that have arrived; nil where that is not known.
    private var ambiguousArrived: Int? { arrived.map { report.ambiguous.count - report.ambiguous.missing(in: $0) } }

    private var arrived: NumberSet? { sink.map { $0.ledger.runs[run] ?? NumberSet() } }

    /// All went well: every session went through, every message was accepted and, as far as can be seen, arrived once.
    var isClean: Bool {
        report.isClean && lost ?? 0 == 0 && sink?.isClean ?? true
    }

    var seconds: Double { max(Double(elapsedNanoseconds) / 1e9, 1e-9) }
    var sessionsPerSecond: Double { Double(report.sessionsDone) / seconds }
    var messagesPerSecond: Double { Double(report.messagesAccepted) / seconds }
    var mebibytesPerSecond: Double { Double(report.bytesAccepted) / seconds / 1_048_576 }

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
            ("session_milliseconds", report.sessionTimes.json),
            ("message_milliseconds", report.messageTimes.json),
            ("session_due_milliseconds", report.sessionDueTimes.json),
            ("message_due_milliseconds", report.messageDueTimes.json),
            ("step_milliseconds", .object(report.steps.taken.map { ("\($0.phase)", $0.times.json) })),
            ("tls_sessions", .integer(report.tlsSessions)), ("tls_resumed", .integer(report.tlsResumed)),
            ("tls_versions", report.tlsVersionsJSON),
            ("warm_up", warmUpJSON),
        ]
        if let lost { members.append(("lost", .integer(lost))) }
        if let ambiguousArrived { members.append(("ambiguous_arrived", .integer(ambiguousArrived))) }
        if let sink { members.append(("sink", sink.json)) }
        members.append(("ok", .bool(isClean)))
        return .object(members)
    }

    private var warmUpJSON: JSON {
        let warmUp = report.warmUp
        return .object([
            ("sessions", .integer(warmUp.sessions)), ("sessions_failed", .integer(warmUp.sessionsFailed)),
            ("messages_accepted", .integer(warmUp.messages)), ("messages_failed", .integer(warmUp.messagesFailed)),
        ])
    }

    // MARK: Text

    var text: String {
        var lines = [
            "target      \(target), \(settings.summary)",
            "sessions    \(report.sessionsDone) done, \(report.sessionsFailed) failed",
            "messages    \(report.messagesAccepted) accepted, \(report.messagesFailed) failed" + fate,
            "rate        \(rounded(sessionsPerSecond)) sessions/s, \(rounded(messagesPerSecond)) messages/s, "
                + "\(rounded(mebibytesPerSecond)) MiB/s, in \(rounded(seconds)) s",
            "CPU         \(rounded(Double(processorNanoseconds) / 1e9)) s of "
                + (sink == nil ? "the client" : "client and sink"),
        ]
        if let tls = report.tlsText { lines.append("TLS         \(tls)") }
        let warmUp = report.warmUp
        if settings.warmUp > .zero {
            lines.append(
                "warm-up     \(warmUp.sessions) sessions, \(warmUp.sessionsFailed) failed, "
                    + "\(warmUp.messages) messages, \(warmUp.messagesFailed) failed")
        }
        lines += ["", "ms            " + Histogram.rowHead, row("session", report.sessionTimes)]
        if settings.rate != nil { lines.append(row("  since due", report.sessionDueTimes)) }
        lines.append(row("message", report.messageTimes))
        if settings.messageRate != nil { lines.append(row("  since due", report.messageDueTimes)) }
        lines += report.steps.taken.map { row($0.phase.name, $0.times) }
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
        name.padded(to: 14) + histogram.row
    }

    private func rounded(_ value: Double) -> Double { value.rounded(toDigits: 3) }
}
