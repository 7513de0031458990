/// Tables for a terminal. What stands in them comes from peers: nothing of it may reach the terminal but printable
/// ASCII.
enum TableText {
    /// Columns, of which those that begin with `#` hold numbers, then rows. Cells are cut to `cellLimit` characters.
    static func lines(_ head: [String], _ rows: [[String]]) -> [String] {
        let names = head.map { $0.hasPrefix("#") ? String($0.dropFirst()) : $0 }
        let isNumber = head.map { $0.hasPrefix("#") }
        let cells = ([names] + rows).map { $0.map { visible($0, limit: cellLimit) } }
        let widths = head.indices.map { column in cells.map { $0[column].utf8.count }.max() ?? 0 }
        return cells.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.utf8.count)
                line += isNumber[column] ? blanks + cell : cell + blanks
                if column < row.count - 1 { line += "  " }
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static let cellLimit = 64

    /// The text with `?` for what is not printable ASCII; cut to `limit` characters, the last of which are dots then.
    static func visible(_ text: String, limit: Int) -> String {
        var shown = ""
        var length = 0
        for scalar in text.unicodeScalars {
            guard length < limit else { return shown.prefix(max(0, limit - 3)) + "..." }
            length += 1
            shown.unicodeScalars.append(scalar.isASCII && (0x20..<0x7f).contains(scalar.value) ? scalar : "?")
        }
        return shown
    }
}
