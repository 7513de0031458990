import Telemetry

/// A JSON value (RFC 8259); members stay in the order in which they are given. Text is escaped to ASCII and cut.
enum JSONValue {
    case null
    case flag(Bool)
    case number(Int64)
    case decimal(Double)
    case text(String)
    case list([JSONValue])
    case object([(String, JSONValue)])

    /// Bytes of a string at most; what is longer comes from a peer and is of no use.
    private static let textBytesMax = 1024

    static func count(_ number: some BinaryInteger) -> JSONValue { .number(Int64(clamping: number)) }

    static func text(_ text: String?) -> JSONValue { text.map { .text($0) } ?? .null }

    /// On one line, without a line end.
    var rendered: String {
        switch self {
        case .null: "null"
        case .flag(let value): "\(value)"
        case .number(let value): "\(value)"
        case .decimal(let value): value.isFinite ? "\((value * 1000).rounded() / 1000)" : "null"
        case .text(let value): JSON.quoted(value, limit: Self.textBytesMax)
        case .list(let values): "[" + values.map(\.rendered).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { "\(JSON.quoted($0)): \($1.rendered)" }.joined(separator: ", ") + "}"
        }
    }
}
