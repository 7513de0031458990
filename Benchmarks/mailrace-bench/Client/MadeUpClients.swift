import Ring
import Wire

/// The clients that a load says it comes from, by a PROXY header: addresses of a network, one after the other.
struct MadeUpClients: Equatable, Sendable {
    var version = ProxyHeader.Version.v2
    var network = Self.benchmarking

    /// The network set aside for such tests (RFC 2544 appendix C.2.2).
    static let benchmarkingText = "198.18.0.0/15"
    private static let benchmarking: IPNetwork = {
        do throws(IPNetworkError) { return try IPNetwork(benchmarkingText) } catch { preconditionFailure("\(error)") }
    }()
    private static let firstPort = 1_024

    /// The header of the connection of this number to `target`.
    func header(_ number: Int, to target: SocketAddress) -> [UInt8] {
        guard let destination = IPAddress(octets: target.octets) else { return encoded(.local) }
        let port = Self.firstPort + number % (Int(UInt16.max) - Self.firstPort)
        return encoded(
            .proxied(
                source: .init(address: address(number), port: UInt16(port)),
                destination: .init(address: destination, port: target.port)))
    }

    private func encoded(_ origin: ProxyHeader.Origin) -> [UInt8] {
        let header = ProxyHeader(version: version, origin: origin)
        return version == .v1 ? header.encodedV1() : header.encodedV2().bytes
    }

    /// The network's addresses in turn.
    func address(_ number: Int) -> IPAddress {
        var octets = network.address.octets
        let hostBits = min(octets.count * 8 - network.prefixLength, 32)
        var host = UInt64(number) & (1 << UInt64(hostBits) - 1)
        for index in octets.indices.reversed() where host > 0 {
            octets[index] |= UInt8(truncatingIfNeeded: host)
            host >>= 8
        }
        return IPAddress(octets: octets) ?? network.address
    }
}
