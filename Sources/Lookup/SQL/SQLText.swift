import CPQ

/// What is to be known of the text of a question.
public enum SQLText {
    /// A question as PostgreSQL wants it: with `$1` in place of each `?` that is no part of text, of a quoted name or
    /// of a comment.
    public static func numbered(_ question: String) -> String {
        var result: [UInt8] = []
        walk(question) { byte, isPlain in
            if isPlain, byte == UInt8(ascii: "?") { result += Array("$1".utf8) } else { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// How many `?` there are for the key.
    public static func parameters(of question: String) -> Int {
        var count = 0
        walk(question) { byte, isPlain in if isPlain, byte == UInt8(ascii: "?") { count += 1 } }
        return count
    }

    /// Whether libpq can make something of a connection string.
    public static func isConnectionString(_ text: String) -> Bool { cpq_understands(text) }

    private enum Place: Equatable {
        case plain
        /// Up to this byte. One that stands twice ends it and begins it again.
        case quoted(UInt8)
        case lineComment
        case comment
    }

    private static func walk(_ question: String, _ visit: (_ byte: UInt8, _ isPlain: Bool) -> Void) {
        var place = Place.plain
        var last: UInt8 = 0
        for byte in question.utf8 {
            visit(byte, place == .plain)
            let before = place
            switch (place, byte) {
            case (.plain, UInt8(ascii: "'")), (.plain, UInt8(ascii: "\"")), (.plain, UInt8(ascii: "`")):
                place = .quoted(byte)
            case (.plain, UInt8(ascii: "-")) where last == UInt8(ascii: "-"): place = .lineComment
            case (.plain, UInt8(ascii: "*")) where last == UInt8(ascii: "/"): place = .comment
            case (.quoted(let end), _) where byte == end: place = .plain
            case (.lineComment, UInt8(ascii: "\n")): place = .plain
            case (.comment, UInt8(ascii: "/")) where last == UInt8(ascii: "*"): place = .plain
            default: break
            }
            // What begins a comment is no part of its end.
            last = place == before ? byte : 0
        }
    }
}
