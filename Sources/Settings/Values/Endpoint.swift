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
    /// port. `[::]` takes IPv4 as well, unless it is `ipv6Only`.
    func covers(_ other: Endpoint, ipv6Only: Bool = false) -> Bool {
        guard port == other.port, port != 0 else { return false }
        if unmapped == other.unmapped { return true }
        guard isWildcard else { return false }
        return other.unmapped.count == 4 ? !isIPv6 || !ipv6Only : isIPv6
    }

    /// True for IPv4 that is written as IPv6.
    var isMapped: Bool { isIPv6 && unmapped.count == 4 }

    private var unmapped: [UInt8] { AddressText.unmapped(address) }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:25` or `[2001:db8::1]:25`.
    public var description: String {
        let host = AddressText.format(address)
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
            return .refused(portRefusal(text, ports: ports))
        }
        return .value(endpoint)
    }

    static func portRefusal(_ text: String, ports: ClosedRange<Int>) -> String {
        "\(Quoting.shown(text)): the port is not a number from \(ports.lowerBound) to \(ports.upperBound)"
    }
}

/// The written parts of an endpoint.
struct EndpointParts {
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
            let colons = text.utf8.indices.filter { text.utf8[$0] == UInt8(ascii: ":") }
            hostEnd = colons.count == 1 ? colons[0] : text.endIndex
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
        guard host.hasPrefix("[") else { return AddressText.parseIPv4(host) }
        return AddressText.parseIPv6(host.dropFirst().dropLast())
    }

    /// True for what can be looked up. A last label of digits is an IP address gone wrong: no such domain exists.
    var isHostName: Bool {
        guard HostName.isValid(String(host)), let label = host.split(separator: ".").last else { return false }
        return !label.utf8.allSatisfy(Ascii.isDigit)
    }

    /// Why `text` has no address, to follow it.
    static func refusal(_ text: String) -> String {
        if text.hasPrefix(Settings.SocketPath.prefix) { return ": a Unix socket is not taken here; give an IP address" }
        if AddressText.parseIPv6(text[...]) != nil {
            return ": an IPv6 address stands in brackets, as in \"[\(text)]:25\""
        }
        let parts = EndpointParts(text)
        if let host = parts?.host, host.hasPrefix("["), AddressText.parseIPv4(host.dropFirst().dropLast()) != nil {
            return ": only an IPv6 address stands in brackets"
        }
        let isName = parts?.isHostName ?? false
        return isName ? ": a host name is not taken here; give an IP address" : " is not an IP address"
    }
}
