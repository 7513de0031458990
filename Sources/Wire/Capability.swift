/// The keyword of a service extension, as the reply to EHLO lists it (RFC 5321 section 4.1.1.1).
public struct Capability: Sendable, Hashable, CustomStringConvertible {
    /// The longest keyword taken, in bytes.
    public static let limitBytes = 64

    /// RFC 3207.
    public static let starttls = Capability(keyword: [UInt8]("STARTTLS".utf8))

    /// The keyword in capital letters.
    let keyword: [UInt8]

    private init(keyword: [UInt8]) {
        self.keyword = keyword
    }

    /// A keyword in any case of letters; nil if it is not one: letters, digits and dashes, no dash at the start.
    public init?(_ text: String) {
        let keyword = text.utf8.map(\.uppercased)
        guard let first = keyword.first, keyword.count <= Self.limitBytes, first != .dash else { return nil }
        guard keyword.allSatisfy(Self.mayHold) else { return nil }
        self.keyword = keyword
    }

    public var description: String { String(decoding: keyword, as: UTF8.self) }

    private static func mayHold(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte.decimalValue != nil || byte == .dash
    }
}
