public import Ring

/// Where to ask by HTTP: a server and a resource on it.
public struct HTTPServer: Sendable, Hashable {
    /// The URL, without the Unix socket: `https://auth.example.com:8443/auth?v=1`
    public let url: String
    /// Connected to instead of what the URL names.
    public let unixSocket: SocketAddress?
    /// Its path, or `@` and an abstract name.
    let unixPath: String?
    public let isSecure: Bool
    /// A host name in lower case, an IPv4 address, or an IPv6 address without its brackets.
    public let host: String
    public let port: UInt16

    /// The longest text, in bytes.
    public static let textLimitBytes = 2_048

    /// Reads `http://host[:port][/path]`, `https://...`, or `unix:/path/of/socket[:/path]`; without a scheme, `http`
    /// is meant. Nil for anything else, and where a user's name or a fragment is in it.
    public init?(_ text: String) {
        var rest = Array(text.utf8)
        guard rest.count <= Self.textLimitBytes, rest.allSatisfy({ (0x21..<0x7f).contains($0) }) else { return nil }
        guard !rest.contains(UInt8(ascii: "#")) else { return nil }
        var isSecure = false
        if let end = Self.end(of: "https://", in: rest) {
            isSecure = true
            rest.removeFirst(end)
        } else if let end = Self.end(of: "http://", in: rest) {
            rest.removeFirst(end)
        }
        self.isSecure = isSecure
        if let end = Self.end(of: "unix:", in: rest), !isSecure {
            // As nginx writes it: the resource stands behind a further colon.
            let parts = rest[end...].split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            let path = String(decoding: parts[0], as: UTF8.self)
            guard let socket = SocketAddress(unix: path) else { return nil }
            guard let resource = Self.resource(parts.count == 2 ? parts[1] : []) else { return nil }
            (unixSocket, unixPath, host, port, url) = (socket, path, "localhost", 80, "http://localhost" + resource)
            return
        }
        let place = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard let resource = Self.resource(rest[place.endIndex...]),
            let (host, port) = Self.parts(of: place, defaultPort: isSecure ? 443 : 80)
        else { return nil }
        // With a port behind it, it would be a Unix socket.
        guard host != "unix" else { return nil }
        (unixSocket, unixPath, self.host, self.port) = (nil, nil, host, port)
        let authority = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        url = "\(isSecure ? "https" : "http")://\(authority):\(port)\(resource)"
    }

    /// Where the text behind `prefix` begins, in any case of letters; nil where it does not begin with it.
    private static func end(of prefix: String, in bytes: [UInt8]) -> Int? {
        let start = String(decoding: bytes.prefix(prefix.utf8.count), as: UTF8.self)
        return start.lowercased() == prefix ? prefix.utf8.count : nil
    }

    /// The path and the query; nil where it does not begin as one.
    private static func resource(_ bytes: ArraySlice<UInt8>) -> String? {
        switch bytes.first {
        case nil: "/"
        case UInt8(ascii: "/"): String(decoding: bytes, as: UTF8.self)
        case UInt8(ascii: "?"): "/" + String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }

    private static func parts(of place: ArraySlice<UInt8>, defaultPort: UInt16) -> (host: String, port: UInt16)? {
        let colon = UInt8(ascii: ":")
        var host = place
        var digits: ArraySlice<UInt8>?
        if place.first == UInt8(ascii: "[") {
            guard let bracket = place.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = place[(place.startIndex + 1)..<bracket]
            let rest = place[(bracket + 1)...]
            guard rest.isEmpty || rest.first == colon else { return nil }
            digits = rest.isEmpty ? nil : rest.dropFirst()
            guard host.contains(colon), host.allSatisfy(Self.isOfIPv6) else { return nil }
        } else {
            if let end = place.firstIndex(of: colon) {
                host = place[..<end]
                digits = place[(end + 1)...]
            }
            guard !host.isEmpty, host.allSatisfy(Self.isOfName) else { return nil }
        }
        guard let digits else { return (String(decoding: host, as: UTF8.self).lowercased(), defaultPort) }
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0
        else { return nil }
        return (String(decoding: host, as: UTF8.self).lowercased(), port)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isOfIPv6(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension HTTPServer: CustomStringConvertible {
    /// For the log: without the query, which may hold a key.
    public var description: String {
        let resource = String(url.prefix { $0 != "?" })
        return unixSocket.map { "\($0)" + resource.dropFirst("http://localhost".count) } ?? resource
    }
}
