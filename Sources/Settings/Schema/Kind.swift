/// How the value of a key is written: what is read, what is refused and with which words, and how it is printed.
struct Kind<Value: Sendable>: Sendable {
    /// What the key takes, as messages and the manual say it: "an integer from 0 to 1024".
    let expected: String
    /// The value; nil, with the reason reported, where it is not of this kind.
    let read: @Sendable (Node, inout ProblemCollector) -> Value?
    /// The value in TOML.
    let print: @Sendable (Value) -> String
}

extension Kind {
    /// A value written as a string. `parse` says what is wrong with one that it refuses.
    static func string(
        _ expected: String,
        parse: @escaping @Sendable (String) -> Parsed<Value>,
        format: @escaping @Sendable (Value) -> String
    ) -> Kind {
        Kind(expected: expected) { node, problems in
            let text: String
            switch node.content {
            case .string(let string), .text(let string): text = string
            default:
                problems.reportType(node, expected: expected)
                return nil
            }
            switch parse(text) {
            case .value(let value): return value
            case .refused(let reason):
                problems.report(node, reason)
                return nil
            }
        } print: { value in
            Quoting.toml(format(value))
        }
    }
}

/// What became of a string: a value, or the words that say what is wrong with it.
enum Parsed<Value> {
    case value(Value)
    case refused(String)

    func map<Other>(_ transform: (Value) -> Other) -> Parsed<Other> {
        switch self {
        case .value(let value): .value(transform(value))
        case .refused(let reason): .refused(reason)
        }
    }
}

extension Kind where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Kind {
        let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
        return Kind(expected: expected) { node, problems in
            let number: Int
            switch node.content {
            case .integer(let integer): number = Int(integer)
            case .text(let text):
                guard let parsed = Int(text) else { fallthrough }
                number = parsed
            default:
                problems.reportType(node, expected: expected)
                return nil
            }
            guard range.contains(number) else {
                problems.report(node, "\(number) is out of range; expected \(expected)")
                return nil
            }
            return number
        } print: { number in
            "\(number)"
        }
    }
}

extension Kind where Value == Bool {
    static var boolean: Kind {
        let expected = "true or false"
        return Kind(expected: expected) { node, problems in
            switch node.content {
            case .boolean(let value): return value
            case .text("true"): return true
            case .text("false"): return false
            default:
                problems.reportType(node, expected: expected)
                return nil
            }
        } print: { value in
            "\(value)"
        }
    }
}

extension Kind where Value: RawRepresentable<String> & CaseIterable {
    /// One of a few words. `later` are words of the manual that this version does not do.
    static func choice(later: [String] = []) -> Kind {
        let words = Words(Value.allCases.map(\.rawValue), later: later)
        return .string(words.expected) { text in
            Value(rawValue: text).map { .value($0) } ?? .refused(words.refusal(text))
        } format: { value in
            value.rawValue
        }
    }
}

extension Kind {
    /// One of a few words, or `none` for none of them.
    static func optionalChoice<Word>(none: String = "") -> Kind
    where Value == Word?, Word: RawRepresentable<String> & CaseIterable & Sendable {
        let words = Words(Word.allCases.map(\.rawValue) + [none], later: [])
        return .string(words.expected) { text in
            if text == none { return .value(nil) }
            return Word(rawValue: text).map { .value($0) } ?? .refused(words.refusal(text))
        } format: { value in
            value?.rawValue ?? none
        }
    }
}

/// The words that a choice has.
private struct Words: Sendable {
    let expected: String
    private let valid: [String]
    private let later: [String]

    init(_ valid: [String], later: [String]) {
        self.valid = valid
        self.later = later
        let list = valid.map(Quoting.toml).joined(separator: ", ")
        expected = valid.count == 1 ? list : "one of \(list)"
    }

    func refusal(_ text: String) -> String {
        if later.contains(text) {
            return "\(Quoting.toml(text)) is not available in this version; expected \(expected)"
        }
        let hint = valid.count == 1 ? "" : Spelling.hint(for: text, among: valid, quoted: true)
        return "\(Quoting.shown(text)) is not \(expected)\(hint)"
    }
}

extension Kind {
    /// A list, in which each element is of the kind `element`; from the environment and `--set`, parted by commas.
    /// With `orSingle` the value of a list of one may stand without brackets, and `""` is an empty one. Only with
    /// `mayBeEmpty` is that a value.
    static func list<Element>(
        of element: Kind<Element>, named noun: String, orSingle: Bool = false, mayBeEmpty: Bool = false
    ) -> Kind where Value == [Element] {
        let expected = orSingle ? "\(element.expected), or a list of such" : "a list of \(noun)"
        return Kind(expected: expected) { node, problems in
            let nodes: [Node]
            switch node.content {
            case .list(let elements): nodes = elements
            case .text(let text):
                nodes = text.split(separator: ",").map { part in
                    Node(elementOf: node, origin: node.origin, content: .text(Ascii.trimmed(part)))
                }
            case .string("") where orSingle && mayBeEmpty: nodes = []
            case .string where orSingle: nodes = [node]
            default:
                problems.reportType(node, expected: expected)
                return nil
            }
            if nodes.isEmpty && !mayBeEmpty { problems.report(node, "the list is empty; expected at least one") }
            return nodes.compactMap { element.read($0, &problems) }
        } print: { values in
            "[\(values.map(element.print).joined(separator: ", "))]"
        }
    }
}
