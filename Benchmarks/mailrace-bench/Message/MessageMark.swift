/// What a message says of itself, in a header field, so that whoever receives it can tell whether it is complete:
///
///     Mailrace-Bench: 0011223344556677 0000000000000001 0000000000001000 8899aabbccddeeff
///
/// run, number within the run, bytes and ``Digest`` of the body, all in hexadecimal. The body is what follows the first
/// empty line: relays may add header fields of their own.
struct MessageMark: Equatable, Sendable {
    let run: UInt64
    let number: UInt64
    let length: UInt64
    let digest: UInt64

    private static let fieldName = Array("Mailrace-Bench: ".utf8)
    private static let digits = 16

    init(run: UInt64, number: UInt64, length: UInt64, digest: UInt64) {
        self.run = run
        self.number = number
        self.length = length
        self.digest = digest
    }

    /// The header field, its CRLF included.
    var field: [UInt8] {
        let numbers = [run, number, length, digest].map { value in
            (0..<Self.digits).map { Self.digit(UInt8(value >> (60 - 4 * UInt64($0)) & 15)) }
        }
        return Self.fieldName + numbers.joined(separator: [UInt8(ascii: " ")]) + [0x0d, 0x0a]
    }

    /// Reads the mark in a message's header; nil where there is none, or one that is no mark.
    init?(header: [UInt8]) {
        guard let start = Self.fieldStart(in: header) else { return nil }
        var numbers: [UInt64] = []
        var index = start
        for separator in [UInt8(ascii: " "), UInt8(ascii: " "), UInt8(ascii: " "), 0x0d] {
            guard index + Self.digits < header.count else { return nil }
            var value: UInt64 = 0
            for byte in header[index..<index + Self.digits] {
                guard let digit = Self.value(ofDigit: byte) else { return nil }
                value = value << 4 | digit
            }
            guard header[index + Self.digits] == separator else { return nil }
            numbers.append(value)
            index += Self.digits + 1
        }
        self.init(run: numbers[0], number: numbers[1], length: numbers[2], digest: numbers[3])
    }

    /// Where the field's value starts; the field's name stands at the start of a line.
    private static func fieldStart(in header: [UInt8]) -> Int? {
        var lineStart = 0
        while lineStart + fieldName.count <= header.count {
            if header[lineStart] == fieldName[0], header[lineStart...].starts(with: fieldName) {
                return lineStart + fieldName.count
            }
            guard let lineFeed = header[lineStart...].firstIndex(of: 0x0a) else { return nil }
            lineStart = lineFeed + 1
        }
        return nil
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func value(ofDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        default: nil
        }
    }
}
