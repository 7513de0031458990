public import Ring

/// Where a server is, as it was configured.
public enum ServerAddress: Hashable, Sendable {
    /// An IP address with a port, or the path of a Unix socket.
    case socket(SocketAddress)
    /// A host name, which is looked up, and a port.
    case host(String, port: UInt16)
}

extension ServerAddress: CustomStringConvertible {
    /// `192.0.2.1:25`, `[2001:db8::1]:25`, `unix:/run/lmtp` or `mx.example.com:25`.
    public var description: String {
        switch self {
        case .socket(let address): address.description
        case .host(let name, let port): "\(name):\(port)"
        }
    }
}
