import Ring
import Wire

/// Who the client is and whom it called: as the kernel says, or as the proxy in front of us says in its PROXY header.
struct ClientIdentity {
    /// Nil where the client was gone before it could be asked.
    var source: SocketAddress?
    var destination: SocketAddress?
    /// What else the proxy in front said.
    var header: ProxyHeader?

    init(of client: Stream) {
        source = client.peerAddress
        destination = client.localAddress
    }

    /// Takes over what the proxy in front says; LOCAL and UNKNOWN leave the connection's own addresses.
    mutating func take(_ header: ProxyHeader) {
        self.header = header
        guard case .proxied(let source, let destination) = header.origin else { return }
        self.source = SocketAddress(source)
        self.destination = SocketAddress(destination)
    }

    /// For the choice of a server by client: the same for an IPv4 address, mapped or not.
    var hash: UInt64 {
        let octets = source?.octets ?? []
        return ClientHash.of(IPAddress(octets: octets)?.octets ?? octets)
    }
}
