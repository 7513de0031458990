extension Settings {
    /// Where a listener listens.
    public enum ListenAddress: Sendable, Hashable {
        case ip(Endpoint)
        case unix(SocketPath)
    }

    /// Where a server of an upstream is.
    public enum ServerAddress: Sendable, Hashable {
        case ip(Endpoint)
        /// A name to be looked up, in lower case.
        case host(name: String, port: UInt16)
        case unix(SocketPath)
    }
}

extension Settings.ListenAddress: CustomStringConvertible {
    /// Nil for a Unix socket.
    public var endpoint: Endpoint? {
        if case .ip(let endpoint) = self { endpoint } else { nil }
    }

    /// As it is written in the configuration.
    public var description: String {
        switch self {
        case .ip(let endpoint): endpoint.description
        case .unix(let path): "\(Settings.SocketPath.prefix)\(path)"
        }
    }

    /// Nil for what is no such text as the configuration has.
    public init?(_ text: String) {
        guard case .value(let address) = Self.parse(text) else { return nil }
        self = address
    }

    /// Reads `192.0.2.1:25`, `[2001:db8::1]:25` or `unix:/run/x.sock`; port 0 lets the kernel choose.
    static func parse(_ text: String) -> Parsed<Settings.ListenAddress> {
        if text.hasPrefix(Settings.SocketPath.prefix) {
            let path = text.dropFirst(Settings.SocketPath.prefix.count)
            return Settings.SocketPath.parse(path, writtenAs: text).map { .unix($0) }
        }
        return Endpoint.parse(text, defaultPort: nil, ports: 0...65_535).map { .ip($0) }
    }
}

extension Settings.ServerAddress: CustomStringConvertible {
    /// The port of a server that is named without one.
    static let defaultPort: UInt16 = 25

    /// Nil for a Unix socket.
    public var port: UInt16? {
        switch self {
        case .ip(let endpoint): endpoint.port
        case .host(_, let port): port
        case .unix: nil
        }
    }

    /// As it is written in the configuration.
    public var description: String {
        switch self {
        case .ip(let endpoint): endpoint.description
        case .host(let name, let port): "\(name):\(port)"
        case .unix(let path): "\(Settings.SocketPath.prefix)\(path)"
        }
    }

    /// Reads `192.0.2.1:25`, `[2001:db8::1]:25`, `mx.example.com:25` or `unix:/run/x.sock`.
    static func parse(_ text: String) -> Parsed<Settings.ServerAddress> {
        if text.hasPrefix(Settings.SocketPath.prefix) {
            let path = text.dropFirst(Settings.SocketPath.prefix.count)
            return Settings.SocketPath.parse(path, writtenAs: text).map { .unix($0) }
        }
        let ports = 1...65_535
        guard let parts = EndpointParts(text), parts.isHostName else {
            if let hint = hint(for: text) { return .refused("\(Quoting.shown(text)): \(hint)") }
            return Endpoint.parse(text, defaultPort: defaultPort, ports: ports).map { .ip($0) }
        }
        let portText = parts.port ?? "\(defaultPort)"
        guard let port = Ascii.number(portText, digitsMax: 5), ports.contains(port) else {
            return .refused(Endpoint.portRefusal(text, ports: ports))
        }
        return .value(.host(name: parts.host.lowercased(), port: UInt16(port)))
    }
    /// What may have been meant by something that is no server, in other programs' words.
    private static func hint(for text: String) -> String? {
        // Not `contains`, which for a string brings the engine of regular expressions into the binary, 1.5 MB.
        if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") {
            return "a URL is not taken here; give the host alone, as in \"mx.example.com:25\""
        }
        if text.hasPrefix("/") { return "a Unix socket is written \"\(Settings.SocketPath.prefix)\(text)\"" }
        if let parts = EndpointParts(text), parts.host.hasSuffix("."),
            EndpointParts("\(parts.host.dropLast())")?.isHostName == true
        {
            return "a host name is written without a dot at its end"
        }
        return nil
    }
}
