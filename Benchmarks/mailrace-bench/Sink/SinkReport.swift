/// What a sink has seen.
struct SinkReport: Sendable {
    var sessions = 0
    /// Sessions secured by TLS, those of them that took an earlier one up again, and those that failed at it.
    var tlsSessions = 0
    var tlsResumed = 0
    var tlsFailures = 0
    /// PROXY headers, and what was none.
    var proxied = 0
    var proxyFailures = 0
    /// AUTH and XCLIENT taken; AUTH refused.
    var authentications = 0
    var authenticationsRefused = 0
    var xclients = 0
    /// BDAT commands.
    var chunks = 0
    /// Sessions dropped as was asked for.
    var dropped = 0
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
        tlsResumed += other.tlsResumed
        tlsFailures += other.tlsFailures
        proxied += other.proxied
        proxyFailures += other.proxyFailures
        authentications += other.authentications
        authenticationsRefused += other.authenticationsRefused
        xclients += other.xclients
        chunks += other.chunks
        dropped += other.dropped
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
            ("refused", refused), ("dropped", dropped), ("tls_resumed", tlsResumed), ("proxied", proxied),
            ("proxy_failures", proxyFailures), ("authentications", authentications),
            ("authentications_refused", authenticationsRefused), ("xclients", xclients), ("chunks", chunks),
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
            "\(String(name.map { $0 == "_" ? " " : $0 }).padded(to: 24))\("\(value)".aligned(to: 14))\n"
        }.joined()
    }
}
