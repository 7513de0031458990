/// Refuses documents that are nested deeper than any configuration of ours, before the TOML library sees them: it
/// recurses with the depth of brackets, and with the parts of a dotted key when it frees what it read.
struct NestingGuard {
    /// The most open brackets, and the most parts of one dotted key.
    static let depthMax = 16

    private let bytes: [UInt8]
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private var brackets = 0
    private var dots = 0

    /// The first place (line and column from 1, in bytes) that is too deep; nil if there is none.
    static func excess(in bytes: [UInt8]) -> (line: Int, column: Int)? {
        var walk = NestingGuard(bytes: bytes)
        return walk.excess()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func excess() -> (line: Int, column: Int)? {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "#"): skipComment()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(quote: byte)
            case UInt8(ascii: "."): dots += 1
            case UInt8(ascii: "["), UInt8(ascii: "{"): (brackets, dots) = (brackets + 1, 0)
            case UInt8(ascii: "]"), UInt8(ascii: "}"): (brackets, dots) = (max(0, brackets - 1), 0)
            case UInt8(ascii: "="), UInt8(ascii: ","): dots = 0
            case UInt8(ascii: "\n"): countLine()
            default: break
            }
            if brackets > Self.depthMax || dots >= Self.depthMax { return (line, index - lineStart + 1) }
            index += 1
        }
        return nil
    }

    private mutating func countLine() {
        (line, lineStart, dots) = (line + 1, index + 1, 0)
    }

    /// Leaves the index on the last byte before the end of the line.
    private mutating func skipComment() {
        while index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "\n") { index += 1 }
    }

    /// Leaves the index on the last byte of the string, or before the end of the line that breaks it.
    private mutating func skipString(quote: UInt8) {
        let delimiter = quotes(quote, at: index) >= 3 ? 3 : 1
        index += delimiter
        while index < bytes.count {
            switch bytes[index] {
            case quote where delimiter == 1:
                return
            case quote where quotes(quote, at: index) >= 3:
                // Up to two quotes may stand before the three that end the string.
                index += min(quotes(quote, at: index), 5) - 1
                return
            case UInt8(ascii: "\\") where quote == UInt8(ascii: "\"") && index + 1 < bytes.count:
                // What is escaped ends nothing; a line that is continued is counted below.
                if bytes[index + 1] != UInt8(ascii: "\n") { index += 1 }
            case UInt8(ascii: "\n") where delimiter == 1:
                index -= 1
                return
            case UInt8(ascii: "\n"):
                countLine()
            default: break
            }
            index += 1
        }
    }

    /// How many quotes in a row stand at `index`.
    private func quotes(_ quote: UInt8, at index: Int) -> Int {
        bytes[index...].prefix(5).prefix { $0 == quote }.count
    }
}
