public import Lookup
import Ring
import Wire

/// Where an entry of a map leads to.
public enum MapPlace: Sendable, Hashable {
    /// The name of one.
    case upstream(String)
    case server(ServerAddress)

    /// The longest text, in bytes.
    static let textLimitBytes = 512
    /// The port of a server that is named without one.
    static let standardPort: UInt16 = 25

    /// Reads the name of an upstream, or a server: `192.0.2.1`, `[2001:db8::1]`, `2001:db8::1` or `mx.example.com`, all
    /// but the bare IPv6 address with a port if it likes, or `unix:/run/lmtp`. Blanks around it are nothing.
    ///
    /// - Parameter upstreams: their names. They come before hosts of the same name; `backend:25` is surely a host.
    public init?(_ text: [UInt8], upstreams: Set<String>) {
        let text = text.trimmed
        guard (1...Self.textLimitBytes).contains(text.count), text.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        let name = String(decoding: text, as: UTF8.self)
        if upstreams.contains(name) {
            self = .upstream(name)
        } else if name.hasPrefix("unix:/") || name.hasPrefix("unix:@") {
            guard let path = SocketAddress(unix: String(name.dropFirst("unix:".count))) else { return nil }
            self = .server(.socket(path))
        } else if let server = Self.server(text) {
            self = .server(server)
        } else {
            return nil
        }
    }

    private static func server(_ text: ArraySlice<UInt8>) -> ServerAddress? {
        let colon = UInt8(ascii: ":")
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")),
                let address = ipv6(text[(text.startIndex + 1)..<end]),
                let port = port(text[(end + 1)...])
            else { return nil }
            return .socket(SocketAddress(octets: address.octets, port: port))
        }
        let colons = text.indices.filter { text[$0] == colon }
        if colons.count > 1 {
            return ipv6(text).map { .socket(SocketAddress(octets: $0.octets, port: standardPort)) }
        }
        let host = text[..<(colons.first ?? text.endIndex)]
        guard let port = port(text[host.endIndex...]) else { return nil }
        if let address = IPAddress(String(decoding: host, as: UTF8.self)) {
            return .socket(SocketAddress(octets: address.octets, port: port))
        }
        guard isHostName(host) else { return nil }
        return .host(String(decoding: host.map(\.lowercased), as: UTF8.self), port: port)
    }

    private static func ipv6(_ text: ArraySlice<UInt8>) -> IPAddress? {
        text.contains(UInt8(ascii: ":")) ? IPAddress(String(decoding: text, as: UTF8.self)) : nil
    }

    /// Of `:25` or nothing.
    private static func port(_ text: ArraySlice<UInt8>) -> UInt16? {
        guard let first = text.first else { return standardPort }
        let digits = text.dropFirst()
        guard first == UInt8(ascii: ":"), (1...5).contains(digits.count), digits.allSatisfy(isDigit),
            let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0
        else { return nil }
        return port
    }

    /// What can be looked up. A last label of digits is an IP address gone wrong: no such domain exists.
    private static func isHostName(_ name: ArraySlice<UInt8>) -> Bool {
        let labels = name.split(separator: .dot, omittingEmptySubsequences: false)
        guard name.count <= 253, let last = labels.last, !last.allSatisfy(isDigit) else { return false }
        let dash = UInt8(ascii: "-")
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != dash && label.last != dash
                && label.allSatisfy { isDigit($0) || isLetter($0) || $0 == dash || $0 == UInt8(ascii: "_") }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte.lowercased)
    }
}

extension [UInt8] {
    /// Without blanks around it.
    var trimmed: ArraySlice<UInt8> { self[...].trimmed }
}

extension ArraySlice<UInt8> {
    /// Without blanks around it.
    var trimmed: Self {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return []
        }
        return self[first...last]
    }
}
