/// One value of the configuration before anything is known about its key: a tree of these is the whole document.
struct Node: Sendable {
    /// The last part of the path; empty for the root and the elements of a list.
    let name: String
    /// The dotted path of the key, fit for a message. Elements of a list have that of the list.
    let path: String
    var keyOrigin: SettingsOrigin
    var origin: SettingsOrigin
    var content: Content

    enum Content: Sendable, Equatable {
        case table([Node])
        case list([Node])
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        case dateTime
        /// A value from the environment or `--set`: the key alone tells how it is meant.
        case text(String)
    }

    init(name: String, in parent: Node, keyOrigin: SettingsOrigin, origin: SettingsOrigin, content: Content) {
        self.name = name
        self.path = parent.path.isEmpty ? Quoting.key(name) : "\(parent.path).\(Quoting.key(name))"
        self.keyOrigin = keyOrigin
        self.origin = origin
        self.content = content
    }

    /// A root.
    init(origin: SettingsOrigin, content: Content = .table([])) {
        (name, path, keyOrigin, self.origin, self.content) = ("", "", origin, origin, content)
    }

    /// An element of the list `list`; it has no key but its own place.
    init(elementOf list: Node, origin: SettingsOrigin, content: Content) {
        (name, path, keyOrigin, self.origin, self.content) = ("", list.path, origin, origin, content)
    }
}

extension Node: Equatable {
    /// Same names, same values: where they come from does not count.
    static func == (one: Node, other: Node) -> Bool {
        one.name == other.name && one.content == other.content
    }
}

extension Node {
    /// The members of a table, the elements of a list, or nothing.
    var children: [Node] {
        switch content {
        case .table(let nodes), .list(let nodes): nodes
        default: []
        }
    }

    var isTable: Bool {
        if case .table = content { true } else { false }
    }

    /// The member of a table with this name.
    subscript(name: String) -> Node? {
        isTable ? children.first { $0.name == name } : nil
    }

    /// The value at a path, if it was given. An element of a list goes by its index, from 0.
    func find(_ path: some Sequence<String>) -> Node? {
        var node = self
        for name in path {
            guard let next = node[name] ?? node.element(name) else { return nil }
            node = next
        }
        return node
    }

    private func element(_ name: String) -> Node? {
        guard case .list(let elements) = content, let index = Int(name), elements.indices.contains(index) else {
            return nil
        }
        return elements[index]
    }

    /// The same values as a document of their own, with paths that begin here.
    func asRoot() -> Node {
        var root = Node(origin: origin)
        root.content = .table(children.map { $0.moved(into: root) })
        return root
    }

    private func moved(into parent: Node) -> Node {
        var node = Node(name: name, in: parent, keyOrigin: keyOrigin, origin: origin, content: content)
        switch content {
        case .table(let members):
            node.content = .table(members.map { $0.moved(into: node) })
        case .list(let elements):
            node.content = .list(elements.map { $0.moved(asElementOf: node) })
        default: break
        }
        return node
    }

    private func moved(asElementOf list: Node) -> Node {
        var element = Node(elementOf: list, origin: origin, content: content)
        if case .table(let members) = content { element.content = .table(members.map { $0.moved(into: element) }) }
        if case .list(let elements) = content {
            element.content = .list(elements.map { $0.moved(asElementOf: element) })
        }
        return element
    }

    /// This table with the members of `base` that it lacks, in every depth. Those keep their own path and origin.
    func filled(from base: Node?) -> Node {
        guard let base, case .table(var members) = content, base.isTable else { return self }
        for inherited in base.children {
            if let index = members.firstIndex(where: { $0.name == inherited.name }) {
                members[index] = members[index].filled(from: inherited)
            } else {
                members.append(inherited)
            }
        }
        var result = self
        result.content = .table(members)
        return result
    }
}

extension Node.Content {
    /// What is there, as a message says it.
    var summary: String {
        switch self {
        case .table: "a table"
        case .list: "a list"
        case .string(let text): "the string \(Quoting.shown(text))"
        case .integer(let number): "the integer \(number)"
        case .float(let number): "the number \(number)"
        case .boolean(let value): "the boolean \(value)"
        case .dateTime: "a date or time"
        case .text(let text): Quoting.shown(text)
        }
    }
}
