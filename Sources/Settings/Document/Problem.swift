/// One thing that is wrong, or doubtful, in the configuration.
public struct SettingsProblem: Sendable, Hashable {
    public let origin: SettingsOrigin
    /// The key in dotted form (`listener.mx.starttls`); nil where the problem is not of one key.
    public let key: String?
    public let message: String

    public init(origin: SettingsOrigin, key: String?, message: String) {
        self.origin = origin
        self.key = key
        self.message = message
    }
}

extension SettingsProblem: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: KEY: message`
    public var description: String {
        let place = origin == .builtIn ? nil : origin.description
        return [place, key, message].compactMap { $0 }.joined(separator: ": ")
    }
}

/// Everything that is wrong with a configuration, in the order of the file, then environment, then `--set`.
public struct SettingsProblems: Error, Sendable, Hashable {
    public let list: [SettingsProblem]

    /// Keeps the order of `list`.
    public init(list: [SettingsProblem]) {
        self.list = list
    }
}

extension SettingsProblems: CustomStringConvertible {
    /// One line a problem.
    public var description: String {
        list.map(\.description).joined(separator: "\n")
    }
}

/// Problems as they are found: each once, however often a shared value is read.
struct ProblemCollector {
    /// The most problems that are kept.
    static let problemsMax = 1_000

    private var found: Set<SettingsProblem> = []

    var isEmpty: Bool { found.isEmpty }

    /// By origin, then by key.
    var sorted: [SettingsProblem] {
        found.sorted { ($0.origin, $0.key ?? "", $0.message) < ($1.origin, $1.key ?? "", $1.message) }
    }

    mutating func report(_ problem: SettingsProblem) {
        guard found.count < Self.problemsMax else { return }
        found.insert(problem)
    }

    /// What is wrong with the value of a key.
    mutating func report(_ node: Node, _ message: String) {
        report(SettingsProblem(origin: node.origin, key: node.path.isEmpty ? nil : node.path, message: message))
    }

    /// What is wrong with a key itself.
    mutating func report(keyOf node: Node, _ message: String) {
        report(SettingsProblem(origin: node.keyOrigin, key: node.path, message: message))
    }

    /// The value is of another kind than the key takes.
    mutating func reportType(_ node: Node, expected: String) {
        report(node, "expected \(expected), found \(node.content.summary)")
    }
}
