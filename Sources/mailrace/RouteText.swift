import Lookup
import Policy
import Service
import Telemetry
import Wire

/// What `mailrace route` writes about an answer.
struct RouteText {
    let answer: RouteInquiry.Answer

    /// Of a key or an answer, in bytes: addresses are shorter.
    private static let textLimitBytes = 1_024

    init(_ answer: RouteInquiry.Answer) {
        self.answer = answer
    }

    /// The route on one line; none where there is none.
    var lines: [String] {
        guard case .to(let destination) = answer.route else { return [] }
        let server = destination.server.map { " \($0)" } ?? ""
        return [destination.upstream + server + Self.verification(destination.verifiesTLS)]
    }

    /// What was asked for, a line each, and what a client is told where the recipient is refused.
    var asked: [String] {
        var lines = answer.steps.map { step in
            "\(step.map): \(step.key.kind.rawValue) \(Self.shown(step.key.text)): \(Self.text(of: step.answer))"
        }
        if case .refuse(let reply) = answer.route { lines.append(Self.line(of: reply)) }
        return lines
    }

    /// Why there is no answer.
    var failure: String {
        guard let last = answer.steps.last else { return "there is no answer" }
        return switch last.answer {
        case .failed, .missing: "the map \(last.map) could not say"
        case .found(let entry): "the map \(last.map) names no server that could be used: \(Self.shown(entry.server))"
        }
    }

    /// An object of JSON on one line.
    var json: String {
        var destination: Destination?
        var reply: LocalReply?
        switch answer.route {
        case .to(let place): destination = place
        case .refuse(let refusal): reply = refusal
        case .unknown, .unavailable: break
        }
        let source = destination?.source ?? ""
        return Self.object([
            ("listener", JSON.quoted(answer.listener)), ("upstream", Self.json(destination?.upstream)),
            ("server", Self.json(destination?.server?.description)),
            ("tls_verify", Self.json(destination?.verifiesTLS)),
            ("map", Self.json(source.isEmpty ? nil : source)), ("reply", Self.json(reply.map(Self.line))),
            ("asked", "[" + answer.steps.map(Self.json).joined(separator: ", ") + "]"),
        ])
    }

    private static func json(_ step: RouteInquiry.Step) -> String {
        var entry: MapEntry?
        if case .found(let found) = step.answer { entry = found }
        let server = entry.map { String(decoding: $0.server, as: UTF8.self) }
        return object([
            ("map", JSON.quoted(step.map)), ("kind", JSON.quoted(step.key.kind.rawValue)),
            ("key", JSON.quoted(String(decoding: step.key.text, as: UTF8.self), limit: textLimitBytes)),
            ("answer", JSON.quoted(word(for: step.answer))), ("server", json(server)),
            ("tls_verify", json(entry?.verifiesTLS)),
        ])
    }

    private static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(JSON.quoted($0)): \($1)" }.joined(separator: ", ") + "}"
    }

    private static func json(_ text: String?) -> String {
        text.map { JSON.quoted($0, limit: textLimitBytes) } ?? "null"
    }

    private static func json(_ flag: Bool?) -> String { flag.map { "\($0)" } ?? "null" }

    private static func word(for answer: MapAnswer) -> String {
        switch answer {
        case .found: "found"
        case .missing: "missing"
        case .failed: "failed"
        }
    }

    private static func text(of answer: MapAnswer) -> String {
        guard case .found(let entry) = answer else { return word(for: answer) }
        return "\(word(for: answer)) \(shown(entry.server))\(verification(entry.verifiesTLS))"
    }

    private static func verification(_ verifies: Bool?) -> String { verifies.map { " tls_verify=\($0)" } ?? "" }

    private static func shown(_ text: [UInt8]) -> String {
        "\"" + String(escaping: text, limitBytes: textLimitBytes) + "\""
    }

    private static func line(of reply: LocalReply) -> String { "\(reply.code) \(reply.status) \(reply.text)" }
}
