/// Writes settings as TOML, each value with a comment that says where it comes from.
struct Printer {
    /// Where the comments begin, if the values are not longer.
    private static let commentColumn = 48

    private(set) var text = ""
    private let document: Node
    private var path: [String] = []

    /// `document` is what the settings were read from.
    init(document: Node) {
        self.document = document
    }

    mutating func value(_ name: String, _ value: String) {
        let origin = document.find(path + [name])?.origin ?? .builtIn
        let line = "\(Quoting.key(name)) = \(value)"
        let padding = String(repeating: " ", count: max(0, Self.commentColumn - line.count))
        text += "\(line)\(padding)  # \(origin)\n"
    }

    /// A table, with its header.
    mutating func table(_ name: String, _ body: (inout Printer) -> Void) {
        group(name) { printer in
            printer.text += "\(printer.text.isEmpty ? "" : "\n")[\(printer.path.joined(separator: "."))]\n"
            body(&printer)
        }
    }

    /// What stands under a name that has no header of its own.
    mutating func group(_ name: String, _ body: (inout Printer) -> Void) {
        path.append(name)
        body(&self)
        path.removeLast()
    }
}
