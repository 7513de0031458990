/// What targets are compared by.
enum Metric: String, CaseIterable, Sendable {
    case processorPerSession = "cpu_microseconds_per_session"
    case processorPerMessage = "cpu_microseconds_per_message"
    case processorPerMebibyte = "cpu_microseconds_per_mebibyte"
    case sessionsPerSecond = "sessions_per_second"
    case messagesPerSecond = "messages_per_second"
    case mebibytesPerSecond = "mebibytes_per_second"
    case sessionMedian = "session_p50_milliseconds"
    case sessionHigh = "session_p99_milliseconds"
    case messageMedian = "message_p50_milliseconds"
    case messageHigh = "message_p99_milliseconds"
    /// After the run.
    case memory = "pss_mebibytes"

    var title: String {
        switch self {
        case .sessionsPerSecond: "sessions/s"
        case .messagesPerSecond: "messages/s"
        case .mebibytesPerSecond: "MiB/s"
        case .sessionMedian: "session p50, ms"
        case .sessionHigh: "session p99, ms"
        case .messageMedian: "message p50, ms"
        case .messageHigh: "message p99, ms"
        case .processorPerSession: "CPU us/session"
        case .processorPerMessage: "CPU us/message"
        case .processorPerMebibyte: "CPU us/MiB"
        case .memory: "memory, MiB PSS"
        }
    }

    private var digits: Int {
        switch self {
        case .sessionsPerSecond, .messagesPerSecond: 0
        case .sessionMedian, .sessionHigh, .messageMedian, .messageHigh: 3
        case .mebibytesPerSecond, .processorPerSession, .processorPerMessage, .processorPerMebibyte, .memory: 1
        }
    }

    /// As tables show it.
    func text(_ value: Double) -> String {
        let rounded = value.rounded(toDigits: digits)
        return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
    }
}

/// Several values of the same: their middle, and how far they lie apart.
struct Spread: Equatable, Sendable {
    let median: Double
    let min: Double
    let max: Double

    /// Nil where there are no values.
    init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        min = first
        max = last
    }

    var json: JSON { .object([("median", .number(median)), ("min", .number(min)), ("max", .number(max))]) }

    /// As a ratio: `0.83 (0.80..0.91)`.
    var ratioText: String {
        let words = [median, min, max].map { "\($0.rounded(toDigits: 2))" }
        return "\(words[0]) (\(words[1])..\(words[2]))"
    }
}

/// One target's figures in one round.
struct CompareSample: Sendable {
    let summary: LoadSummary
    let values: [Metric: Double]

    /// - Parameters:
    ///   - processorSeconds: CPU time of the target during the run, the warm-up included; nil where it is not known.
    ///   - memoryBytes: of the target, after the run.
    init(_ summary: LoadSummary, processorSeconds: Double?, memoryBytes: Int?) {
        self.summary = summary
        let report = summary.report
        var values: [Metric: Double] = [.mebibytesPerSecond: summary.mebibytesPerSecond]
        values[.sessionsPerSecond] = summary.settings.lasts ? nil : summary.sessionsPerSecond
        values[.messagesPerSecond] = summary.settings.messages == 0 ? nil : summary.messagesPerSecond
        values[.sessionMedian] = report.sessionDueTimes.milliseconds(0.5)
        values[.sessionHigh] = report.sessionDueTimes.milliseconds(0.99)
        values[.messageMedian] = report.messageDueTimes.milliseconds(0.5)
        values[.messageHigh] = report.messageDueTimes.milliseconds(0.99)
        values[.memory] = memoryBytes.map { Double($0) / 1_048_576 }
        if let processorSeconds {
            let perSession = { (count: Int) in count > 0 ? 1e6 * processorSeconds / Double(count) : nil }
            let sessions = report.sessionsBegun + report.warmUp.sessions
            values[.processorPerSession] = summary.settings.lasts ? nil : perSession(sessions)
            values[.processorPerMessage] = perSession(report.messagesAccepted + report.warmUp.messages)
            let bytes = report.bytesAccepted + report.warmUp.bytes
            values[.processorPerMebibyte] = bytes > 0 ? 1e6 * processorSeconds * 1_048_576 / Double(bytes) : nil
        }
        self.values = values
    }

    var json: JSON {
        let shown = Metric.allCases.compactMap { metric in
            values[metric].map { (metric.rawValue, JSON.number($0.rounded(toDigits: 3))) }
        }
        let report = summary.report
        return .object(
            shown + [
                ("tls_sessions", .integer(report.tlsSessions)), ("tls_resumed", .integer(report.tlsResumed)),
                ("tls_versions", report.tlsVersionsJSON),
                ("ok", .bool(report.isClean)), ("errors", report.failures.json),
            ])
    }
}
