/// The escaping of text lines. What comes out is printable ASCII, whatever went in: nothing a peer sends can end a
/// line, imitate a field, or speak to the terminal on which the log is read.
enum PlainText {
    /// Appends `text`, with `\xNN` for each byte of UTF-8 that is not printable ASCII and `\\` for a backslash.
    /// Text over `limit` bytes is cut and ends in `...`.
    static func append(_ text: String, limit: Int, to line: inout String) {
        append(text.utf8, limit: limit, escapingQuotes: false, to: &line)
    }

    /// The same for bytes of which nobody knows the encoding.
    static func append(_ bytes: [UInt8], limit: Int, to line: inout String) {
        append(bytes, limit: limit, escapingQuotes: false, to: &line)
    }

    /// The same for a value behind `name=`: in quotation marks (and those inside as `\"`) when it is empty, is the `-`
    /// of an absent value, or could be taken for more than one value.
    static func appendValue(_ text: String, limit: Int, to line: inout String) {
        if !text.isEmpty && text != "-" && text.utf8.count <= limit && text.utf8.allSatisfy(isBare) {
            line += text
        } else {
            appendQuoted(text.utf8, limit: limit, to: &line)
        }
    }

    /// The same for bytes of which nobody knows the encoding; always in quotation marks.
    static func appendValue(_ bytes: [UInt8], limit: Int, to line: inout String) {
        appendQuoted(bytes, limit: limit, to: &line)
    }

    /// The same for a list: its texts with a comma between them, in quotation marks together where one would be alone.
    static func appendValue(_ texts: [String], limit: Int, to line: inout String) {
        let areBare =
            !texts.isEmpty
            && texts.allSatisfy { text in
                !text.isEmpty && text != "-" && text.utf8.count <= limit
                    && text.utf8.allSatisfy { isBare($0) && $0 != UInt8(ascii: ",") }
            }
        if !areBare { line += "\"" }
        for (index, text) in texts.enumerated() {
            if index > 0 { line += "," }
            append(text.utf8, limit: limit, escapingQuotes: true, to: &line)
        }
        if !areBare { line += "\"" }
    }

    private static func appendQuoted(_ bytes: some Collection<UInt8>, limit: Int, to line: inout String) {
        line += "\""
        append(bytes, limit: limit, escapingQuotes: true, to: &line)
        line += "\""
    }

    private static func append(
        _ bytes: some Collection<UInt8>, limit: Int, escapingQuotes: Bool, to line: inout String
    ) {
        for byte in bytes.prefix(limit) {
            switch byte {
            case UInt8(ascii: "\\"): line += "\\\\"
            case UInt8(ascii: "\"") where escapingQuotes: line += "\\\""
            case 0x20...0x7e: line.unicodeScalars.append(Unicode.Scalar(byte))
            default: line += "\\x" + Hex.digits(UInt16(byte), count: 2)
            }
        }
        if bytes.count > limit { line += "..." }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            && byte != UInt8(ascii: "=")
    }
}

/// Strings of JSON (RFC 8259 section 7), ASCII only.
public enum JSON {
    /// The string in quotation marks; what is not printable ASCII is written `\uNNNN`, in UTF-16 as the RFC has it.
    /// Text over `limit` bytes of UTF-8 is cut, between characters, and ends in `...`.
    public static func quoted(_ text: String, limit: Int = .max) -> String {
        var quoted = "\""
        var length = 0
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= limit else {
                quoted += "..."
                break
            }
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case " "..."~": quoted.unicodeScalars.append(scalar)
            default: for unit in String(scalar).utf16 { quoted += "\\u" + Hex.digits(unit, count: 4) }
            }
        }
        return quoted + "\""
    }
}

private enum Hex {
    /// The lowest `count` hexadecimal digits of the number.
    static func digits(_ number: UInt16, count: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }
}
