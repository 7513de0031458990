/// xtext: any bytes in visible US-ASCII (RFC 3461 section 4), as values of parameters have it.
public enum Xtext {
    private static let plus = UInt8(ascii: "+")
    private static let equals = UInt8(ascii: "=")

    /// Whether the byte stands for itself.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != plus && byte != equals
    }

    public static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { isPlain($0) ? [$0] : [plus] + Array(hexadecimal($0).utf8) }
    }

    /// The bytes of an xtext; nil where it is none. Small hexadecimal digits pass, which the RFC does not have and some
    /// write. NUL does not, whatever it is written as: it ends a text where another program reads on.
    public static func decoded(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text.makeIterator()
        while let byte = rest.next() {
            if isPlain(byte) {
                bytes.append(byte)
                continue
            }
            guard byte == plus, let high = rest.next()?.hexadecimalValue, let low = rest.next()?.hexadecimalValue,
                high + low > 0
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
