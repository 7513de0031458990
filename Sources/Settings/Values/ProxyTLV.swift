extension Settings {
    /// What a PROXY v2 header carries besides the addresses (TLVs).
    public enum ProxyTLV: Sendable, Hashable {
        /// The server name that the client asked for with TLS.
        case authority
        /// What is known of the client's TLS.
        case ssl
        /// The id of the session.
        case uniqueID
        /// A checksum of the header.
        case crc32c
        /// All that came in with the client's own PROXY header, but for what is of the header alone.
        case passAll
        /// What came in with this type.
        case pass(type: UInt8)
        /// A constant.
        case added(type: UInt8, value: [UInt8])
    }
}

extension Settings.ProxyTLV: CustomStringConvertible {
    /// The longest constant that is added, in bytes: of the longest ones three fit into a header.
    static let valueBytesMax = 1_024

    static let expected =
        "one of \"authority\", \"ssl\", \"unique-id\", \"crc32c\", \"pass\", \"pass:0xE0\", \"0xE1=text\""

    private static let words: [(word: String, value: Settings.ProxyTLV)] = [
        ("authority", .authority), ("ssl", .ssl), ("unique-id", .uniqueID), ("crc32c", .crc32c), ("pass", .passAll),
    ]
    private static let passMark = "pass:"
    private static let hexMark = "hex:"

    /// As it is written in the configuration: a word, `pass:0xE0`, `0xE1=text` or `0xE1=hex:00FF`.
    public var description: String {
        switch self {
        case .authority: "authority"
        case .ssl: "ssl"
        case .uniqueID: "unique-id"
        case .crc32c: "crc32c"
        case .passAll: "pass"
        case .pass(let type): "\(Self.passMark)0x\(Hexadecimal.format([type]))"
        case .added(let type, let value): "0x\(Hexadecimal.format([type]))=\(Self.written(value))"
        }
    }

    /// What takes the same place in the header, and stands there once; nil for what `passAll` brings.
    var type: UInt8? {
        switch self {
        case .authority: 0x02
        case .crc32c: 0x03
        case .uniqueID: 0x05
        case .ssl: 0x20
        case .passAll: nil
        case .pass(let type), .added(let type, _): type
        }
    }

    static func parse(_ text: String) -> Parsed<Settings.ProxyTLV> {
        if let word = words.first(where: { $0.word == text }) { return .value(word.value) }
        if text.hasPrefix(passMark) { return parsePass(text) }
        if let equals = text.firstIndex(of: "=") {
            return parseAdded(text, type: text[..<equals], value: text[text.index(after: equals)...])
        }
        let hint = Spelling.hint(for: text, among: words.map(\.word), quoted: true)
        return .refused("\(Quoting.shown(text)) is not \(expected)\(hint)")
    }

    private static func parsePass(_ text: String) -> Parsed<Settings.ProxyTLV> {
        let shown = Quoting.shown(text)
        guard let type = parseType(text.dropFirst(passMark.count)) else {
            return .refused("\(shown): the type is not a number from 0x00 to 0xFF, as in \"pass:0xE0\"")
        }
        // The checksum is of the header that came in, and NOOP only fills that up.
        guard ![0x00, 0x03, 0x04].contains(type) else {
            return .refused("\(shown): this type means nothing outside its own header")
        }
        return .value(.pass(type: type))
    }

    private static func parseAdded(
        _ text: String, type: Substring, value: Substring
    ) -> Parsed<Settings.ProxyTLV> {
        let shown = Quoting.shown(text)
        guard let type = parseType(type) else {
            return .refused("\(shown): the type is not a number from 0x00 to 0xFF, as in \"0xE1=text\"")
        }
        // ALPN, authority, network namespace, and the types for the use of applications and experiments.
        guard [0x01, 0x02, 0x30].contains(type) || (0xE0...0xF7).contains(type) else {
            return .refused("\(shown): only the types 0xE0 to 0xF7, 0x01, 0x02 and 0x30 can be added")
        }
        guard let bytes = parseValue(value) else {
            return .refused("\(shown): the value is neither text nor pairs of hexadecimal digits, as in \"hex:00FF\"")
        }
        guard bytes.count <= valueBytesMax else {
            return .refused("\(shown): the value is longer than \(valueBytesMax) bytes")
        }
        return .value(.added(type: type, value: bytes))
    }

    private static func parseType(_ text: Substring) -> UInt8? {
        guard text.hasPrefix("0x"), let bytes = Hexadecimal.parse(text.dropFirst(2)), bytes.count == 1 else {
            return nil
        }
        return bytes[0]
    }

    private static func parseValue(_ text: Substring) -> [UInt8]? {
        if text.hasPrefix(hexMark) { return Hexadecimal.parse(text.dropFirst(hexMark.count)) }
        return Control.found(in: text) ? nil : Array(text.utf8)
    }

    /// As text where it is text and cannot be mistaken.
    private static func written(_ value: [UInt8]) -> String {
        if let text = String(validating: value, as: UTF8.self), !Control.found(in: text), !text.hasPrefix(hexMark) {
            return text
        }
        return hexMark + Hexadecimal.format(value)
    }
}
