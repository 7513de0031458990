/// Untrusted text made fit for a message, and values made fit for a TOML file.
enum Quoting {
    /// The most characters of a value that a message repeats.
    static let shownCharactersMax = 80

    /// `text` as a basic string of TOML, with its quotes.
    static func toml(_ text: String) -> String {
        "\"\(escaped(text, quotes: true))\""
    }

    /// `text` on one line, without characters that act on a terminal.
    static func printable(_ text: String) -> String {
        escaped(text, quotes: false)
    }

    /// `text` in quotes, cut where it is long.
    static func shown(_ text: String) -> String {
        let cut = text.unicodeScalars.prefix(shownCharactersMax)
        guard cut.endIndex != text.unicodeScalars.endIndex else { return toml(text) }
        return "\"\(escaped(String(cut), quotes: true))...\""
    }

    /// `name` as a key of TOML: bare where it may be.
    static func key(_ name: String) -> String {
        isBare(name) ? name : shown(name)
    }

    static func isBare(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { Ascii.isAlphanumeric($0) || $0 == Ascii.dash || $0 == Ascii.underscore }
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where quotes: result += "\\\""
            case "\\" where quotes: result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isControl(scalar): result += "\\u" + hexadecimal(scalar.value)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// True for C0, DEL and C1, and for the marks that reorder or break a line on a terminal.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}

/// The ASCII classes that names, addresses and durations are made of.
enum Ascii {
    static let dash = UInt8(ascii: "-")
    static let underscore = UInt8(ascii: "_")

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// `text` without spaces and tabs around it.
    static func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = text.firstIndex(where: { !isBlank($0) }), let last = text.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(text[first...last])
    }

    /// The number that `text` writes with at most `digitsMax` digits and nothing else.
    static func number(_ text: Substring, digitsMax: Int) -> Int? {
        guard (1...digitsMax).contains(text.utf8.count), text.utf8.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }
}
