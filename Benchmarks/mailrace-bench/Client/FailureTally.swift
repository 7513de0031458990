/// How many sessions failed in which way, with an example of each.
struct FailureTally: Sendable {
    private(set) var counts: [SessionFailure.Kind: Int] = [:]
    /// The first of each kind.
    private(set) var examples: [SessionFailure.Kind: String] = [:]

    mutating func note(_ failure: SessionFailure) {
        counts[failure.kind, default: 0] += 1
        if examples[failure.kind] == nil { examples[failure.kind] = failure.detail }
    }

    mutating func merge(_ other: FailureTally) {
        counts.merge(other.counts, uniquingKeysWith: +)
        examples.merge(other.examples) { mine, _ in mine }
    }

    private var sorted: [(kind: SessionFailure.Kind, count: Int)] {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }

    /// Kinds with their numbers.
    var json: JSON { .object(sorted.map { ($0.kind.rawValue, .integer($0.count)) }) }

    /// A heading and a line each; nothing where nothing failed.
    var lines: [String] {
        guard !counts.isEmpty else { return [] }
        return ["", "errors"]
            + sorted.map { kind, count in
                "  \(kind.rawValue.padded(to: 12))\("\(count)".aligned(to: 8))   \(examples[kind] ?? "")"
            }
    }
}
