import Lookup
import Service

/// What `mailrace sessions` shows of the endpoint's `/sessions`.
struct SessionsText {
    let document: JSONDocument.Value

    private var sessions: [JSONDocument.Value] { document["sessions"].list }

    /// One line, for a pipe: fields that a program can take apart.
    var line: String {
        let phases = Dictionary(sessions.map { ($0["phase"].text, 1) }, uniquingKeysWith: +)
        let fields =
            [("sessions", "\(document["total"].integer)"), ("shown", "\(sessions.count)")]
            + (document["complete"].flag ? [] : [("complete", "no")])
            + [("oldest_seconds", "\(wholeSeconds(sessions.first?["age_seconds"].real ?? 0))")]
            + phases.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        return fields.map { "\(TableText.visible($0, limit: 32))=\($1)" }.joined(separator: " ")
    }

    /// Whatever somebody answers, this is a number.
    private func wholeSeconds(_ seconds: Double) -> Int { Int(min(max(0, seconds), 1e12)) }

    /// Lines for a person.
    var lines: [String] {
        let total = document["total"].integer
        var lines =
            sessions.count < total
            ? ["The oldest \(sessions.count) of \(Figures.count(total)) sessions"]
            : ["\(Figures.count(total)) session\(total == 1 ? "" : "s")"]
        if !document["complete"].flag {
            let silent = document["silent_shards"].list.map { "\($0.integer)" }.joined(separator: ", ")
            lines.append("Not all: shards that do not answer: \(silent)")
        }
        guard !sessions.isEmpty else { return lines }
        return lines + [""]
            + TableText.lines(
                [
                    "ID", "#AGE", "PHASE", "LISTENER", "CLIENT", "CALLS ITSELF", "LOGIN", "DECISION", "TLS", "UPSTREAM",
                    "#RECEIVED", "#SENT",
                ],
                sessions.map { session in
                    [
                        session["id"].text, Figures.duration(seconds: session["age_seconds"].real),
                        session["phase"].text, session["listener"].text, session["client"].text,
                        session["name"].text, session["login"].text, session["decision"].text,
                        session["tls"].text, session["upstream"].text,
                        Figures.bytes(session["bytes_received"].integer), Figures.bytes(session["bytes_sent"].integer),
                    ]
                })
    }
}
