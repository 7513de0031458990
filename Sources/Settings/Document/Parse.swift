import CToml
import Glibc

/// The text of a configuration file, as a tree.
enum TomlText {
    /// The longest file that is read: 1 MiB.
    static let bytesMax = 1 << 20

    /// The tree of `bytes`; nil, with the reason reported, where they are no TOML.
    static func parse(_ bytes: [UInt8], file: String, problems: inout ProblemCollector) -> Node? {
        if bytes.count > bytesMax {
            problems.report(SettingsProblem(origin: .file(file), key: nil, message: "the file is longer than 1 MiB"))
            return nil
        }
        if let place = NestingGuard.excess(in: bytes) {
            let origin = SettingsOrigin.place(file: file, line: place.line, column: place.column)
            let message = "nested deeper than \(NestingGuard.depthMax) levels"
            problems.report(SettingsProblem(origin: origin, key: nil, message: message))
            return nil
        }
        var document: OpaquePointer?
        var problem = ctoml_problem()
        let result = bytes.withUnsafeBytes { buffer in
            let text = buffer.assumingMemoryBound(to: CChar.self)
            return ctoml_parse(text.baseAddress, text.count, &document, &problem)
        }
        guard result == 0, let document else {
            problems.report(result == -EINVAL ? syntax(problem, file: file) : outOfMemory(file: file))
            return nil
        }
        defer { ctoml_free(document) }
        return NodeStream(document: document, file: file).root()
    }

    private static func syntax(_ problem: ctoml_problem, file: String) -> SettingsProblem {
        let place = SettingsOrigin(problem.position, in: file)
        let message = withUnsafeBytes(of: problem.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return SettingsProblem(origin: place, key: nil, message: Quoting.printable(message))
    }

    private static func outOfMemory(file: String) -> SettingsProblem {
        SettingsProblem(origin: .file(file), key: nil, message: String(cString: strerror(ENOMEM)))
    }
}

/// Turns the stream of a parsed document into nodes.
private struct NodeStream {
    let document: OpaquePointer
    let file: String

    func root() -> Node {
        var root = Node(origin: .file(file))
        if next() != nil { root.content = .table(members(of: root)) }
        return root
    }

    private func next() -> ctoml_node? {
        var node = ctoml_node()
        return ctoml_next(document, &node) ? node : nil
    }

    /// In the order of the file; the library has them in the order of the alphabet.
    private func members(of table: Node) -> [Node] {
        var members: [Node] = []
        while let item = next(), item.kind != CTOML_END {
            let keyOrigin = SettingsOrigin(item.key_position, in: file)
            let origin = SettingsOrigin(item.position, in: file)
            let name = text(item.key, item.key_length)
            let node = Node(name: name, in: table, keyOrigin: keyOrigin, origin: origin, content: .dateTime)
            members.append(filled(node, from: item))
        }
        return members.sorted { $0.keyOrigin < $1.keyOrigin }
    }

    private func elements(of list: Node) -> [Node] {
        var elements: [Node] = []
        while let item = next(), item.kind != CTOML_END {
            let origin = SettingsOrigin(item.position, in: file)
            elements.append(filled(Node(elementOf: list, origin: origin, content: .dateTime), from: item))
        }
        return elements
    }

    private func filled(_ node: Node, from item: ctoml_node) -> Node {
        var node = node
        switch item.kind {
        case CTOML_TABLE: node.content = .table(members(of: node))
        case CTOML_ARRAY: node.content = .list(elements(of: node))
        case CTOML_STRING: node.content = .string(text(item.string, item.string_length))
        case CTOML_INTEGER: node.content = .integer(item.integer)
        case CTOML_FLOAT: node.content = .float(item.real)
        case CTOML_BOOLEAN: node.content = .boolean(item.boolean)
        default: break
        }
        return node
    }

    private func text(_ start: UnsafePointer<CChar>?, _ length: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
    }
}

extension SettingsOrigin {
    /// A place as the library counts; the whole file where it knows none.
    fileprivate init(_ position: ctoml_position, in file: String) {
        self =
            position.line == 0
            ? .file(file) : .place(file: file, line: Int(position.line), column: Int(position.column))
    }
}
