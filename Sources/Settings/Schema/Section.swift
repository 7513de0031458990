/// One table of the configuration as a value: what `init` makes is its defaults, `fields` are its keys.
protocol Section: Sendable, Equatable {
    init()

    /// Every key of the table, in the order in which it is printed: values first, tables last.
    static var fields: [Field<Self>] { get }

    /// Keys that the manual describes and this version does not have.
    static var later: [String] { get }

    /// Fills in the defaults that follow from other keys.
    mutating func complete(from table: Node)
}

extension Section {
    static var later: [String] { [] }

    mutating func complete(from table: Node) {}
}

/// A table under a name that the user gave, as `[listener.mx]`.
protocol NamedSection: Section {
    var name: String { get set }
}

extension Section {
    /// Reads `table` over the values that are there. With `requiring`, keys without a default must be there.
    mutating func read(_ table: Node, requiring: Bool = true, problems: inout ProblemCollector) {
        guard table.isTable else {
            problems.reportType(table, expected: "a table")
            return
        }
        for node in table.children {
            if let field = Self.fields.first(where: { $0.name == node.name }) {
                field.read(node, &self, &problems)
            } else {
                Self.reportUnknown(node, problems: &problems)
            }
        }
        for field in Self.fields where requiring && field.isRequired && table[field.name] == nil {
            problems.report(keyOf: table, "the key \(field.name) is missing")
        }
        complete(from: table)
    }

    private static func reportUnknown(_ node: Node, problems: inout ProblemCollector) {
        if later.contains(node.name) {
            problems.report(keyOf: node, "not available in this version")
        } else {
            let hint = Spelling.hint(for: node.name, among: fields.map(\.name))
            problems.report(keyOf: node, "unknown key\(hint)")
        }
    }
}
