extension Settings {
    /// The SHA-256 digest that a server's public key must have (of its SubjectPublicKeyInfo, RFC 7469, section 2.4).
    public struct Pin: Sendable, Hashable {
        static let bytesCount = 32

        /// 32 bytes.
        public let bytes: [UInt8]
    }
}

extension Settings.Pin: CustomStringConvertible {
    public var description: String { Hexadecimal.format(bytes) }

    /// Reads hexadecimal digits, with or without colons between the pairs, or base64.
    static func parse(_ text: String) -> Parsed<Settings.Pin> {
        let pairs = text.split(separator: ":", omittingEmptySubsequences: false)
        let isPaired = pairs.count == 1 || pairs.allSatisfy { $0.utf8.count == 2 }
        let hexadecimal = isPaired ? Hexadecimal.parse(pairs.joined()) : nil
        if let bytes = hexadecimal ?? Base64.parse(text), bytes.count == bytesCount {
            return .value(Settings.Pin(bytes: bytes))
        }
        let digits = bytesCount * 2
        let prefix = "sha256//"
        let hint = text.hasPrefix(prefix) ? " without \(Quoting.shown(prefix))" : ""
        return .refused(
            "\(Quoting.shown(text)) is not a SHA-256 digest; expected \(digits) hexadecimal digits, or base64\(hint)")
    }
}

/// Base64 with its padding (RFC 4648, section 4).
private enum Base64 {
    /// Nil for anything else, also where bits are set that belong to no byte.
    static func parse(_ text: String) -> [UInt8]? {
        let padding = text.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard text.utf8.count.isMultiple(of: 4), padding <= 2 else { return nil }
        var bytes: [UInt8] = []
        var (bits, held): (UInt32, Int) = (0, 0)
        for character in text.utf8.dropLast(padding) {
            guard let value = value(character) else { return nil }
            (bits, held) = (bits << 6 | UInt32(value), held + 6)
            guard held >= 8 else { continue }
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> held))
            bits &= (1 << held) - 1
        }
        return bits == 0 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
