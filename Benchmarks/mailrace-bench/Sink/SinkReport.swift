/// What a sink has seen.
struct SinkReport: Sendable {
    var sessions = 0
    /// Sessions secured by STARTTLS, and those that failed at it.
    var tlsSessions = 0
    var tlsFailures = 0
    /// Messages answered with 250.
    var messages = 0
    /// Bytes of those messages, header and body.
    var bytes = 0
    /// Messages that are not what they say of themselves.
    var damaged = 0
    /// Messages that say nothing of themselves, made by other programs.
    var unmarked = 0
    /// Messages whose terminator never came.
    var incomplete = 0
    /// Complete messages that were refused.
    var refused = 0
    var ledger = ArrivalLedger()

    var duplicates: Int { ledger.duplicates }
    var isClean: Bool { damaged == 0 && duplicates == 0 }

    mutating func merge(_ other: SinkReport) {
        sessions += other.sessions
        tlsSessions += other.tlsSessions
        tlsFailures += other.tlsFailures
        messages += other.messages
        bytes += other.bytes
        damaged += other.damaged
        unmarked += other.unmarked
        incomplete += other.incomplete
        refused += other.refused
        ledger.merge(other.ledger)
    }

    private var counts: [(name: String, value: Int)] {
        [
            ("sessions", sessions), ("tls_sessions", tlsSessions), ("tls_failures", tlsFailures),
            ("messages", messages), ("bytes", bytes),
            ("damaged", damaged), ("duplicates", duplicates), ("incomplete", incomplete), ("unmarked", unmarked),
            ("refused", refused),
        ]
    }

    var json: JSON {
        let runs = ledger.runs.sorted { $0.key < $1.key }.map { run, numbers in
            JSON.object([("run", .string(String(run, radix: 16))), ("distinct_messages", .integer(numbers.count))])
        }
        return .object(counts.map { ($0.name, .integer($0.value)) } + [("runs", .array(runs))])
    }

    var text: String {
        counts.map { name, value in
            "\(String(name.map { $0 == "_" ? " " : $0 }).padded(to: 14))\("\(value)".aligned(to: 14))\n"
        }.joined()
    }
}
