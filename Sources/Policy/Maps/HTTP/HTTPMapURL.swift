package import Lookup

/// A URL in which `{key}` and `{kind}` stand for what is asked, each as often as one likes. Without `{key}` the key
/// goes behind it.
///
/// A key is never part of the server's name, or of a socket's path: whoever sends mail chooses it.
public struct HTTPMapURL: Sendable, Hashable {
    /// The server or the socket, and what parts it from the resource.
    private let place: [UInt8]
    /// Up to the end: path and query.
    private let resource: [UInt8]

    private static let key = Array("{key}".utf8)
    private static let kind = Array("{kind}".utf8)

    /// - Returns: nil where `HTTPServer` takes no such URL.
    public init?(_ text: String) {
        guard HTTPServer(text) != nil else { return nil }
        let bytes = Array(text.utf8)
        let end = Self.endOfPlace(bytes)
        var (place, resource) = (Array(bytes[..<end]), Array(bytes[end...]))
        // What is put behind a server would name another one.
        if resource.isEmpty { place += Self.isSocket(bytes) ? Array(":/".utf8) : Array("/".utf8) }
        let hasKey = resource.indices.contains { resource[$0...].starts(with: Self.key) }
        if !hasKey { resource += Self.key }
        (self.place, self.resource) = (place, resource)
    }

    private static func isSocket(_ text: [UInt8]) -> Bool { withoutScheme(text).starts(with: "unix:".utf8) }

    private static func withoutScheme(_ text: [UInt8]) -> ArraySlice<UInt8> {
        let lower = text.map(\.lowercased)
        let scheme = ["https://", "http://"].first { lower.starts(with: $0.utf8) } ?? ""
        return lower[scheme.utf8.count...]
    }

    private static func endOfPlace(_ text: [UInt8]) -> Int {
        let rest = withoutScheme(text)
        let isEnd: (UInt8) -> Bool =
            isSocket(text)
            ? { $0 == UInt8(ascii: ":") } : { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
        let start = isSocket(text) ? rest.startIndex + "unix:".utf8.count : rest.startIndex
        return rest[start...].firstIndex(where: isEnd) ?? text.count
    }

    /// Where to ask for `key`; nil where the URL becomes too long (`HTTPServer.textLimitBytes`).
    package func server(for key: MapKey) -> HTTPServer? {
        var url = place
        var rest = resource[...]
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
