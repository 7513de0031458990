import Glibc

/// An IP address and a port: where a listener listens, or a server is.
public struct Endpoint: Sendable, Hashable {
    /// The address in network order: 4 bytes of IPv4, or 16 of IPv6.
    public let address: [UInt8]
    /// In host order. For a listener 0 lets the kernel choose.
    public let port: UInt16

    /// Nil unless `address` has 4 or 16 bytes.
    public init?(address: [UInt8], port: UInt16) {
        guard address.count == 4 || address.count == 16 else { return nil }
        self.address = address
        self.port = port
    }

    public var isIPv6: Bool { address.count == 16 }

    /// True for 127.0.0.0/8 and ::1, also where the former is mapped into IPv6.
    public var isLoopback: Bool {
        let plain = unmapped
        return plain.count == 4 ? plain[0] == 127 : plain == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// True for 0.0.0.0 and ::, which stand for every address of the machine.
    public var isWildcard: Bool { address.allSatisfy { $0 == 0 } }

    /// True where a socket that listens here would take connections to `other`: the same address, or a wildcard of the
    /// port. `[::]` takes IPv4 as well.
    public func covers(_ other: Endpoint) -> Bool {
        guard port == other.port, port != 0 else { return false }
        return unmapped == other.unmapped || (isWildcard && (isIPv6 || other.unmapped.count == 4))
    }

    /// The address; as IPv4 where it is IPv4 mapped into IPv6 (RFC 4291, section 2.5.5.2).
    private var unmapped: [UInt8] {
        let isMapped = isIPv6 && address.prefix(10).allSatisfy { $0 == 0 } && address[10] == 0xFF && address[11] == 0xFF
        return isMapped ? Array(address.suffix(4)) : address
    }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:25` or `[2001:db8::1]:25`.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(isIPv6 ? AF_INET6 : AF_INET, address, &text, socklen_t(text.count))
        let host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension Endpoint {
    /// Reads `192.0.2.1:25` or `[2001:db8::1]:25` as written: no names are looked up. Without a port, `defaultPort`.
    static func parse(_ text: String, defaultPort: UInt16?, ports: ClosedRange<Int>) -> Parsed<Endpoint> {
        let shown = Quoting.shown(text)
        guard let parts = EndpointParts(text), let address = parts.address else {
            return .refused("\(shown)\(EndpointParts.refusal(text))")
        }
        guard let portText = parts.port ?? defaultPort.map({ "\($0)" }) else {
            return .refused("\(shown) has no port; expected one, as in \"\(parts.host):25\"")
        }
        guard let port = Ascii.number(portText, digitsMax: 5), ports.contains(port),
            let endpoint = Endpoint(address: address, port: UInt16(port))
        else {
            return .refused("\(shown): the port is not a number from \(ports.lowerBound) to \(ports.upperBound)")
        }
        return .value(endpoint)
    }
}

/// The written parts of an endpoint.
private struct EndpointParts {
    /// With its brackets.
    let host: Substring
    let port: Substring?

    /// Nil where a bracket is left open or followed by something else than a port.
    init?(_ text: String) {
        let hostEnd: String.Index
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            hostEnd = text.index(after: bracket)
        } else {
            // More than one colon is IPv6 without brackets, of which the last part need not be a port.
            hostEnd = text.utf8.count { $0 == UInt8(ascii: ":") } == 1 ? text.firstIndex(of: ":")! : text.endIndex
        }
        host = text[..<hostEnd]
        guard hostEnd < text.endIndex else {
            port = nil
            return
        }
        guard text[hostEnd] == ":" else { return nil }
        port = text[text.index(after: hostEnd)...]
    }

    /// In network order.
    var address: [UInt8]? {
        guard host.hasPrefix("[") else { return Self.bytes(of: host, AF_INET) }
        return Self.bytes(of: host.dropFirst().dropLast(), AF_INET6)
    }

    /// Why `text` has no address, to follow it.
    static func refusal(_ text: String) -> String {
        if text.hasPrefix("unix:") {
            return ": Unix sockets are not available in this version; give an IP address"
        }
        if bytes(of: text[...], AF_INET6) != nil {
            return ": an IPv6 address stands in brackets, as in \"[\(text)]:25\""
        }
        let host = text.prefix { $0 != ":" }
        if HostName.isValid(String(host)), host.contains(where: \.isLetter) {
            return ": host names are not available in this version; give an IP address"
        }
        return " is not an IP address"
    }

    private static func bytes(of text: Substring, _ family: Int32) -> [UInt8]? {
        // C would read no further than a zero byte.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        return inet_pton(family, String(text), &bytes) == 1 ? bytes : nil
    }
}
