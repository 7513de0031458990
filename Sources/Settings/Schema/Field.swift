/// Where the value of a key goes.
typealias Property<Owner, Value> = any WritableKeyPath<Owner, Value> & Sendable

/// One key of a section: the single place that knows its name, where its value goes, how it is written, what it means.
struct Field<Owner: Section>: Sendable {
    let name: String
    let isRequired: Bool
    let read: @Sendable (Node, inout Owner, inout ProblemCollector) -> Void
    let print: @Sendable (Owner, inout Printer) -> Void
    /// What is known of the key, and of those below it, under the path of the section.
    let describe: @Sendable (_ section: String) -> [SettingsKey]
}

extension Field {
    /// A key with a value. `summary` is one line for the manual; `fallback` says the default where it is no constant.
    static func value<Value>(
        _ name: String, _ property: Property<Owner, Value>, _ kind: Kind<Value>,
        required: Bool = false, fallback: String? = nil, _ summary: String
    ) -> Field {
        Field(name: name, isRequired: required) { node, owner, problems in
            if let value = kind.read(node, &problems) { owner[keyPath: property] = value }
        } print: { owner, printer in
            printer.value(name, kind.print(owner[keyPath: property]))
        } describe: { section in
            let standard = required ? nil : fallback ?? kind.print(Owner()[keyPath: property])
            let path = SettingsKey.join(section, name)
            return [SettingsKey(path: path, expected: kind.expected, standard: standard, summary: summary)]
        }
    }

    /// A table with a fixed name.
    static func table<Inner: Section>(_ name: String, _ property: Property<Owner, Inner>) -> Field {
        Field(name: name, isRequired: false) { node, owner, problems in
            owner[keyPath: property].read(node, problems: &problems)
        } print: { owner, printer in
            printer.table(name) { owner[keyPath: property].print(&$0) }
        } describe: { section in
            Inner.keys(under: SettingsKey.join(section, name))
        }
    }

    /// A table of tables, each with a name that the user gives.
    static func tables<Inner: NamedSection>(
        _ name: String, _ property: Property<Owner, [Inner]>
    ) -> Field {
        Field(name: name, isRequired: false) { node, owner, problems in
            guard node.isTable else {
                problems.reportType(node, expected: "tables, as in [\(name).NAME]")
                return
            }
            for child in node.children {
                var inner = Inner()
                inner.name = child.name
                if !Name.isValid(child.name) { problems.report(keyOf: child, Name.refusal(child.name)) }
                inner.read(child, problems: &problems)
                owner[keyPath: property].append(inner)
            }
        } print: { owner, printer in
            printer.group(name) { printer in
                for inner in owner[keyPath: property] { printer.table(inner.name) { inner.print(&$0) } }
            }
        } describe: { section in
            Inner.keys(under: SettingsKey.join(SettingsKey.join(section, name), "NAME"))
        }
    }

    /// A list of tables that have no names, as `[[tls.NAME.sni]]`.
    static func array<Inner: Section>(_ name: String, _ property: Property<Owner, [Inner]>) -> Field {
        Field(name: name, isRequired: false) { node, owner, problems in
            guard case .list(let elements) = node.content else {
                problems.reportType(node, expected: "a list of tables, as in [[\(node.path)]]")
                return
            }
            for element in elements {
                var inner = Inner()
                inner.read(element, problems: &problems)
                owner[keyPath: property].append(inner)
            }
        } print: { owner, printer in
            for (index, inner) in owner[keyPath: property].enumerated() {
                printer.element(name, index) { inner.print(&$0) }
            }
        } describe: { section in
            Inner.keys(under: SettingsKey.join(section, name))
        }
    }

    /// A table whose keys are defaults for the tables of another key, which take them from the document themselves.
    static func defaults<Inner: Section>(_ name: String, of type: Inner.Type) -> Field {
        Field(name: name, isRequired: false) { node, _, problems in
            var inner = Inner()
            inner.read(node, requiring: false, problems: &problems)
        } print: { _, _ in
        } describe: { section in
            Inner.keys(under: SettingsKey.join(section, name))
        }
    }
}

extension Section {
    func print(_ printer: inout Printer) {
        for field in Self.fields { field.print(self, &printer) }
    }

    static func keys(under path: String) -> [SettingsKey] {
        fields.flatMap { $0.describe(path) }
    }
}
