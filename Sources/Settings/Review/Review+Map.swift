extension Review {
    func check(_ map: Settings.Map, problems: inout ProblemCollector) {
        guard let table = document.find(["map", map.name]) else { return }
        checkReference(
            map.upstreamSettings, at: table["upstream_settings"], set: "upstream",
            among: settings.upstreams.map(\.name), problems: &problems)
        checkKeys(of: map, table, problems: &problems)
        // Where the type is missing or was refused, nothing more can be said.
        guard let type = table["type"],
            type.content == .string(map.type.rawValue) || type.content == .text(map.type.rawValue)
        else { return }
        let word = Quoting.toml(map.type.rawValue)
        for field in Settings.Map.fields {
            guard let types = Settings.Map.types(of: field.name), !types.contains(map.type),
                let node = table[field.name], !map.isStandard(field)
            else { continue }
            let others = types.map { Quoting.toml($0.rawValue) }.joined(separator: ", ")
            problems.report(keyOf: node, "is for the type \(others), and the type is \(word)")
        }
        for key in map.needed where table[key]?.isNothing ?? true {
            problems.report(keyOf: table, "the key \(key) is missing; the type \(word) needs it")
        }
        checkQuery(of: map, table, problems: &problems)
        checkPlace(of: map, table, problems: &problems)
    }

    private func checkKeys(of map: Settings.Map, _ table: Node, problems: inout ProblemCollector) {
        guard let node = table["keys"], let first = map.keys.first else { return }
        for (index, key) in map.keys.enumerated() {
            let element = node.value(index, of: map.keys.count)
            let word = Quoting.toml(key.rawValue)
            if map.keys[..<index].contains(key) {
                problems.report(element, "\(word) is in the list already")
            } else if key.subject != first.subject {
                problems.report(
                    element,
                    "\(word) is about \(key.subject), and \(Quoting.toml(first.rawValue)) about \(first.subject);"
                        + " what is meant for the one must not be found for the other: make two maps of it")
            }
        }
    }

    private func checkQuery(of map: Settings.Map, _ table: Node, problems: inout ProblemCollector) {
        guard !map.query.isEmpty, let node = table["query"] else { return }
        let count = Self.placeholders(in: map.query)
        guard count != 1 else { return }
        problems.report(node, "the statement has \(count == 0 ? "no" : "\(count)") ? for the key; expected one")
    }

    /// Outside of quotes.
    private static func placeholders(in query: String) -> Int {
        var quote: UInt8?
        var count = 0
        for byte in query.utf8 {
            if byte == quote {
                quote = nil
            } else if quote == nil {
                if [UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`")].contains(byte) { quote = byte }
                if byte == UInt8(ascii: "?") { count += 1 }
            }
        }
        return count
    }

    private func checkPlace(of map: Settings.Map, _ table: Node, problems: inout ProblemCollector) {
        switch map.type {
        case .mysql, .postgresql:
            let others = [("host", map.host), ("socket", map.socket), ("user", map.user), ("database", map.database)]
            if map.type == .postgresql, !map.connection.isEmpty {
                for (key, value) in others where !value.isEmpty {
                    guard let node = table[key] else { continue }
                    problems.report(node, "stands in connection, or nowhere")
                }
                if map.port != 0, let node = table["port"] { problems.report(node, "stands in connection, or nowhere") }
                return
            }
            let choice = map.type == .mysql ? "host or socket" : "connection, host or socket"
            switch (map.host.isEmpty, map.socket.isEmpty) {
            case (true, true) where table["host"]?.isNothing ?? true && table["socket"]?.isNothing ?? true:
                problems.report(keyOf: table, "nothing says where the database is; expected \(choice)")
            case (false, false):
                guard let node = table["socket"] else { return }
                problems.report(node, "a database is at a host or at a socket, and both are given")
            default: return
            }
        case .redis:
            guard !map.database.isEmpty, Ascii.number(map.database[...], digitsMax: 4) == nil,
                let node = table["database"]
            else { return }
            problems.report(node, "\(Quoting.shown(map.database)) is not the number of a database")
        case .csv, .sqlite, .http: return
        }
    }

    mutating func warn(about map: Settings.Map) {
        guard let table = document.find(["map", map.name]) else { return }
        if map.type == .http, !map.verifiesTLS, let node = table["tls_verify"] {
            warnings.report(node, "anybody on the way can answer in place of the server")
        }
        if map.type == .redis, !map.user.isEmpty, map.passwordFile.isEmpty, let node = table["user"] {
            warnings.report(node, "has no effect without password_file")
        }
    }
}

extension Settings.Map {
    /// Whether a key is as it is where it is not given.
    fileprivate func isStandard(_ field: Field<Self>) -> Bool {
        var (own, standard) = (Printer(document: Node(origin: .builtIn)), Printer(document: Node(origin: .builtIn)))
        field.print(self, &own)
        field.print(Self(), &standard)
        return own.text == standard.text
    }
}
