/// A line of a file of routes: fields between semicolons, without the blanks around them.
///
/// A field may stand in quotes, in which a semicolon is one of its letters and two quotes are one. A quote that is not
/// closed, or with more behind it, is a letter like others: a quoted local part begins so.
package struct CSVLine {
    package private(set) var fields: [[UInt8]] = []

    package init(_ line: ArraySlice<UInt8>) {
        var rest = line
        while true {
            let field: [UInt8]
            if let (content, end) = Self.quoted(rest) {
                field = content
                rest = rest[end...]
            } else {
                let end = rest.firstIndex(of: Self.separator) ?? rest.endIndex
                field = Array(rest[..<end].trimmed)
                rest = rest[end...]
            }
            fields.append(field)
            guard !rest.isEmpty else { return }
            rest = rest.dropFirst()
        }
    }

    private static let separator = UInt8(ascii: ";")

    /// A field in quotes, and where it ends; nil where it is none.
    private static func quoted(_ text: ArraySlice<UInt8>) -> ([UInt8], Int)? {
        guard let start = text.firstIndex(where: { !isBlank($0) }), text[start] == .quote else { return nil }
        var content: [UInt8] = []
        var index = start + 1
        while index < text.endIndex {
            if text[index] == .quote {
                index += 1
                guard index < text.endIndex, text[index] == .quote else { break }
            }
            content.append(text[index])
            index += 1
            if index == text.endIndex { return nil }
        }
        let end = text[index...].firstIndex(where: { !isBlank($0) }) ?? text.endIndex
        return end == text.endIndex || text[end] == separator ? (content, end) : nil
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
