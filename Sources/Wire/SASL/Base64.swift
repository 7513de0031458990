/// Base 64 (RFC 4648 section 4) as SASL's lines carry it (RFC 4954 section 4): one line, padded, nothing left over.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    /// The value of each byte that is of the alphabet.
    private static let values: [UInt8?] = (0...UInt8.max).map { byte in
        alphabet.firstIndex(of: byte).map(UInt8.init)
    }
    private static let padding = UInt8(ascii: "=")

    /// How many bytes the text of `count` bytes has.
    public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// The text of bytes that are no secret.
    public static func encoded(_ bytes: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.append(addingCapacity: encodedCount(bytes.count)) { encode(bytes, into: &$0) }
        return text
    }

    /// Appends the text of `bytes`.
    public static func encode(_ bytes: Span<UInt8>, into text: inout OutputSpan<UInt8>) {
        var index = 0
        while index < bytes.count {
            let length = min(3, bytes.count - index)
            var group: UInt32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < length ? UInt32(bytes[index + offset]) : 0)
            }
            for place in 0..<4 {
                text.append(place <= length ? alphabet[Int(group >> ((3 - place) * 6) & 0x3F)] : padding)
            }
            index += 3
        }
    }

    /// The bytes of a text; nil where it is none. Blanks, a missing or misplaced padding and bits that stand for
    /// nothing are refused: what two readers could read differently is not read at all.
    public static func decoded(_ text: Span<UInt8>) -> Secret? {
        guard text.count.isMultiple(of: 4) else { return nil }
        var isWhole = true
        let bytes = Secret(capacityBytes: text.count / 4 * 3) { bytes in
            var index = 0
            while isWhole, index < text.count {
                isWhole = decodeGroup(text, at: index, into: &bytes)
                index += 4
            }
        }
        return isWhole ? bytes : nil
    }

    /// Appends what four bytes of text stand for; false where that is nothing.
    private static func decodeGroup(_ text: Span<UInt8>, at start: Int, into bytes: inout OutputSpan<UInt8>) -> Bool {
        let isLast = start + 4 == text.count
        var length = 4
        while isLast, length > 2, text[start + length - 1] == padding { length -= 1 }
        var group: UInt32 = 0
        for place in 0..<4 {
            guard place < length else {
                group <<= 6
                continue
            }
            guard let value = values[Int(text[start + place])] else { return false }
            group = group << 6 | UInt32(value)
        }
        // Two characters carry a byte and four bits to spare, three carry two bytes and two bits.
        guard group & (UInt32(1) << ((4 - length) * 8) - 1) == 0 else { return false }
        for place in 0..<length - 1 { bytes.append(UInt8(truncatingIfNeeded: group >> ((2 - place) * 8))) }
        return true
    }
}
