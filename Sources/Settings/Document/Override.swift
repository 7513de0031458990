/// A value that the environment or a `--set` option lays over the file.
struct Override: Sendable {
    let origin: SettingsOrigin
    let path: [String]
    let value: String
    /// True where case, and `-` against `_`, do not count in the path.
    let isFolded: Bool

    /// The start of every variable's name that is meant for us.
    static let prefix = "MAILRACE_"

    /// `MAILRACE_LISTENER__MX__STARTTLS=require`; nil for variables that are not ours.
    init?(variable: String, value: String) {
        guard variable.hasPrefix(Self.prefix), !Self.isServiceLink(variable) else { return nil }
        origin = .environment(variable)
        path = Self.split(variable.dropFirst(Self.prefix.count).lowercased(), at: "__")
        self.value = value
        isFolded = true
    }

    /// `listener.mx.starttls=require`, the `number`th such option from 1. Nil, and reported, where there is no `=`.
    init?(option: String, number: Int, problems: inout ProblemCollector) {
        guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            let message = "\(Quoting.shown(option)) is not KEY=VALUE"
            problems.report(SettingsProblem(origin: .option(number), key: nil, message: message))
            return nil
        }
        origin = .option(number)
        path = Self.split(String(option[..<equals]), at: ".")
        value = String(option[option.index(after: equals)...])
        isFolded = false
    }

    /// One that is weaker than all others.
    init(builtIn path: [String], value: String) {
        origin = .builtIn
        self.path = path
        self.value = value
        isFolded = false
    }

    /// Kubernetes gives every container such variables for a service of the name `mailrace`; nobody means us by them.
    private static func isServiceLink(_ variable: String) -> Bool {
        let rest = variable.dropFirst(prefix.count)
        return rest == "PORT" || rest.hasPrefix("PORT_") || rest.hasPrefix("SERVICE_")
    }

    /// At most one part more than the deepest path, which is then unknown: no path recurses without limit.
    private static func split(_ text: String, at separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(text)
        while parts.count < NestingGuard.depthMax,
            let end = rest.indices.first(where: { rest[$0...].hasPrefix(separator) })
        {
            parts.append(String(rest[..<end]))
            rest = rest[end...].dropFirst(separator.count)
        }
        return parts + [String(rest)]
    }
}

extension Node {
    /// Lays a value over this tree, and the tables on its way where they are not there.
    mutating func apply(_ override: Override) {
        set(override.path[...], override)
    }

    private mutating func set(_ path: ArraySlice<String>, _ override: Override) {
        guard let name = path.first else {
            content = .text(override.value)
            origin = override.origin
            keyOrigin = override.origin
            return
        }
        if !isTable {
            content = .table([])
            origin = override.origin
        }
        guard case .table(var members) = content else { return }
        let index = members.firstIndex {
            override.isFolded ? Self.folded($0.name) == Self.folded(name) : $0.name == name
        }
        if let index {
            members[index].set(path.dropFirst(), override)
        } else {
            let origin = override.origin
            var member = Node(name: name, in: self, keyOrigin: origin, origin: origin, content: .table([]))
            member.set(path.dropFirst(), override)
            members.append(member)
        }
        content = .table(members)
    }

    private static func folded(_ name: String) -> String {
        String(decoding: name.lowercased().utf8.map { $0 == Ascii.dash ? Ascii.underscore : $0 }, as: UTF8.self)
    }
}
