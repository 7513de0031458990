/// Text in an HTML page. Clients choose their names and administrators theirs: nothing of it must become markup.
enum HTML {
    /// The text as characters of the page. What is not printable is shown as a code; what is longer than `limit`
    /// characters is cut and ends in an ellipsis.
    static func escaped(_ text: String, limit: Int = 200) -> String {
        var escaped = ""
        var length = 0
        for scalar in text.unicodeScalars {
            guard length < limit else { return escaped + "\u{2026}" }
            length += 1
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case _ where isPlain(scalar): escaped.unicodeScalars.append(scalar)
            default: escaped += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return escaped
    }

    /// Letters, digits and signs of all scripts, and the space; nothing that cannot be seen or that turns others round.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20..<0x7f).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator, .nonspacingMark, .enclosingMark, .spacingMark:
            return false
        default: return true
        }
    }

    /// A table that scrolls by itself where the window is narrow.
    ///
    /// - Parameters:
    ///   - head: the columns' names; those that begin with `#` hold numbers.
    ///   - rows: markup.
    static func table(_ head: [String], _ rows: [[String]]) -> String {
        let isNumber = head.map { $0.hasPrefix("#") }
        func cells(_ tag: String, _ texts: [String]) -> String {
            zip(texts, isNumber).map { "<\(tag)\($1 ? " class=n" : "")>\($0)</\(tag)>" }.joined()
        }
        let names = cells("th", head.map { $0.hasPrefix("#") ? String($0.dropFirst()) : $0 })
        return "<div class=t><table><thead><tr>\(names)</tr></thead><tbody>"
            + rows.map { "<tr>\(cells("td", $0))</tr>" }.joined(separator: "\n") + "</tbody></table></div>\n"
    }
}
