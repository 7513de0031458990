/// A network of IPv4 or IPv6 addresses: all that begin with the same bits.
///
/// No address is in networks of both families: IPv4 clients are in `0.0.0.0/0`, never in `::/0`.
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    /// The first address; the bits behind the prefix are zero.
    public let address: IPAddress
    /// How many bits all addresses share: at most 32 (IPv4) or 128 (IPv6).
    public let prefixLength: Int

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone, which is a network of one.
    ///
    /// Bits behind the prefix are refused: `192.0.2.1/16` is a slip of one number or the other, and which network was
    /// meant decides whom to trust.
    public init(_ text: String) throws(IPNetworkError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { throw .notAnAddress }
        // `::ffff:192.0.2.0/120` counts its prefix in bits of IPv6.
        let isWrittenAsIPv6 = parts[0].utf8.contains(.colon)
        let limit = isWrittenAsIPv6 ? 128 : 32
        var prefixLength = limit
        if parts.count == 2 {
            let digits = [UInt8](parts[1].utf8.prefix(4))
            guard let number = IPAddress.decimal(digits.span, in: digits.indices, limit: limit) else {
                throw .notAPrefixLength(limit: limit)
            }
            prefixLength = number
        }
        if isWrittenAsIPv6, address.isIPv4 { prefixLength -= IPAddress.mappedPrefixLength }
        try self.init(address, prefixLength)
    }

    /// - Parameters:
    ///   - octets: 4 (IPv4) or 16 (IPv6) octets in network order.
    ///   - prefixLength: In bits of that family.
    ///
    /// Nil where a number is out of range, or a bit behind the prefix is set.
    public init?(octets: [UInt8], prefixLength: Int) {
        guard let address = IPAddress(octets: octets), (0...octets.count * 8).contains(prefixLength) else { return nil }
        let isMapped = address.isIPv4 && octets.count == 16
        let length = isMapped ? prefixLength - IPAddress.mappedPrefixLength : prefixLength
        guard let network = try? IPNetwork(address, length) else { return nil }
        self = network
    }

    /// - Parameter prefixLength: In bits of the address's family; negative where a prefix ends within the part that
    ///   makes an IPv4-mapped address one.
    private init(_ address: IPAddress, _ prefixLength: Int) throws(IPNetworkError) {
        guard prefixLength >= 0 else { throw .cutsMappedPrefix }
        self.address = IPNetwork.first(of: address, prefixLength)
        self.prefixLength = prefixLength
        guard self.address == address else { throw .hasHostBits(network: self) }
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == self.address.isIPv4 && Self.first(of: address, prefixLength) == self.address
    }

    /// - Parameter octets: 4 (IPv4) or 16 (IPv6) octets in network order; no network holds any other number of them.
    public func contains(_ octets: [UInt8]) -> Bool {
        IPAddress(octets: octets).map(contains) ?? false
    }

    /// `192.0.2.0/24`; without the prefix where the network is one address.
    public var description: String {
        prefixLength == (address.isIPv4 ? 32 : 128) ? "\(address)" : "\(address)/\(prefixLength)"
    }

    private static func first(of address: IPAddress, _ prefixLength: Int) -> IPAddress {
        if address.isIPv4 {
            return IPAddress(ipv4: UInt32(address.bits) & ~(UInt32.max >> prefixLength))
        }
        return IPAddress(ipv6: address.bits & ~(UInt128.max >> prefixLength))
    }
}

/// Why a text is no network.
public enum IPNetworkError: Error, Equatable, CustomStringConvertible {
    /// What stands before the slash is no address.
    case notAnAddress
    /// What stands behind the slash is no number from 0 to `limit`.
    case notAPrefixLength(limit: Int)
    /// An IPv4-mapped address with a prefix of less than 96 bits is of neither family.
    case cutsMappedPrefix
    /// Bits behind the prefix are set. `network` is the one without them.
    case hasHostBits(network: IPNetwork)

    public var description: String {
        switch self {
        case .notAnAddress: "not an IP address"
        case .notAPrefixLength(let limit): "the prefix length is not a number from 0 to \(limit)"
        case .cutsMappedPrefix:
            "the prefix of an IPv4-mapped address has \(IPAddress.mappedPrefixLength) bits or more"
        case .hasHostBits(let network): "bits behind the prefix are set; the network is \(network)"
        }
    }
}
