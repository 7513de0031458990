/// Writes settings as TOML, each value with a comment that says where it comes from.
struct Printer {
    /// Where the comments begin, if the values are not longer.
    private static let commentColumn = 48

    private(set) var text = ""
    private let document: Node
    /// Where in the document the printer is; an element of a list goes by its index.
    private var path: [String] = []
    /// The same without indexes, as headers have it.
    private var header: [String] = []

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
            printer.text += "\(printer.text.isEmpty ? "" : "\n")[\(printer.header.joined(separator: "."))]\n"
            body(&printer)
        }
    }

    /// A table that is the element `index` of a list.
    mutating func element(_ name: String, _ index: Int, _ body: (inout Printer) -> Void) {
        group(name) { printer in
            printer.path.append("\(index)")
            printer.text += "\n[[\(printer.header.joined(separator: "."))]]\n"
            body(&printer)
            printer.path.removeLast()
        }
    }

    /// What stands under a name that has no header of its own.
    mutating func group(_ name: String, _ body: (inout Printer) -> Void) {
        path.append(name)
        header.append(name)
        body(&self)
        path.removeLast()
        header.removeLast()
    }
}
