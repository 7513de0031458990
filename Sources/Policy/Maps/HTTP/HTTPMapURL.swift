package import Lookup

/// A URL in which `{key}` and `{kind}` stand for what is asked, each as often as one likes. Without `{key}` the key
/// goes behind it.
public struct HTTPMapURL: Sendable, Hashable {
    private let bytes: [UInt8]

    private static let key = Array("{key}".utf8)
    private static let kind = Array("{kind}".utf8)

    /// - Returns: nil where `HTTPServer` takes no such URL.
    public init?(_ text: String) {
        guard HTTPServer(text) != nil else { return nil }
        var bytes = Array(text.utf8)
        let hasKey = bytes.indices.contains { bytes[$0...].starts(with: Self.key) }
        if !hasKey { bytes += Self.key }
        self.bytes = bytes
    }

    /// Where to ask for `key`; nil where the URL becomes too long (`HTTPServer.textLimitBytes`).
    package func server(for key: MapKey) -> HTTPServer? {
        var url: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first {
            if rest.starts(with: Self.key) {
                for byte in key.text { url.appendComponent(byte) }
                rest = rest.dropFirst(Self.key.count)
            } else if rest.starts(with: Self.kind) {
                url += key.kind.rawValue.utf8
                rest = rest.dropFirst(Self.kind.count)
            } else {
                url.append(first)
                rest = rest.dropFirst()
            }
        }
        return HTTPServer(String(decoding: url, as: UTF8.self))
    }
}

extension [UInt8] {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// RFC 3986 section 2.3: what is not unreserved is written `%XX`.
    fileprivate mutating func appendComponent(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            append(byte)
        default: self += [UInt8(ascii: "%"), Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 0xF)]]
        }
    }
}
