import Ring
import Wire

/// Who the client is and whom it called: as the kernel says, or as the proxy in front of us says in its PROXY header.
struct ClientIdentity {
    private(set) var source: SocketAddress
    /// Nil where it is the connection's own.
    private var toldDestination: SocketAddress?
    /// What else the proxy in front said.
    private(set) var header: ProxyHeader?

    /// - Parameter source: the connection's other end.
    init(source: SocketAddress) {
        self.source = source
    }

    /// Whom the client called; nil where it is gone. The kernel is asked only where somebody wants to know.
    ///
    /// - Parameter client: the connection.
    func destination(of client: Stream) -> SocketAddress? {
        toldDestination ?? client.localAddress
    }

    /// Takes over what the proxy in front says; LOCAL and UNKNOWN leave the connection's own addresses.
    mutating func take(_ header: ProxyHeader) {
        self.header = header
        guard case .proxied(let source, let destination) = header.origin else { return }
        self.source = SocketAddress(source)
        toldDestination = SocketAddress(destination)
    }

    /// Takes over what a trusted client says by XCLIENT; what it does not tell stays as it is.
    mutating func take(_ told: Wire.ClientIdentity) {
        if let address = told.address?.value {
            source = SocketAddress(octets: address.octets, port: told.port?.value ?? 0)
        } else if let port = told.port?.value, !source.isUnix {
            source = SocketAddress(octets: source.octets, port: port)
        }
        guard let address = told.localAddress?.value else { return }
        toldDestination = SocketAddress(octets: address.octets, port: told.localPort?.value ?? 0)
    }

    /// For the choice of a server by client: the same for an IPv4 address, mapped or not.
    var hash: UInt64 {
        ClientHash.of(source.ipAddress?.octets ?? source.octets)
    }
}
