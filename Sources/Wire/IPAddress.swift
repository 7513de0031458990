/// An IPv4 or IPv6 address.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the IPv4 address: a client that comes
/// by a socket of both families is the same client to every network, limit and log.
public struct IPAddress: Sendable, Hashable {
    /// The address as a number; IPv4 takes the lower 32 bits.
    let bits: UInt128
    public let isIPv4: Bool

    init(ipv4 bits: UInt32) {
        self.bits = UInt128(bits)
        isIPv4 = true
    }

    init(ipv6 bits: UInt128) {
        isIPv4 = bits >> 32 == Self.mappedPrefix >> 32
        self.bits = isIPv4 ? bits & 0xFFFF_FFFF : bits
    }

    /// - Parameter octets: 4 (IPv4) or 16 (IPv6) octets in network order; nil for any other number of them.
    public init?(octets: [UInt8]) {
        let bits = octets.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        switch octets.count {
        case 4: self.init(ipv4: UInt32(bits))
        case 16: self.init(ipv6: bits)
        default: return nil
        }
    }

    /// 4 (IPv4) or 16 (IPv6) octets in network order.
    public var octets: [UInt8] { Self.octets(of: bits, count: isIPv4 ? 4 : 16) }

    /// 16 octets in network order, those of the IPv4-mapped address for IPv4.
    var octetsIPv6: [UInt8] { Self.octets(of: isIPv4 ? Self.mappedPrefix | bits : bits, count: 16) }

    /// `::ffff:0:0`, whose lower 32 bits hold an IPv4 address.
    static let mappedPrefix: UInt128 = 0xFFFF_0000_0000
    static let mappedPrefixLength = 96

    private static func octets(of bits: UInt128, count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) }
    }
}
