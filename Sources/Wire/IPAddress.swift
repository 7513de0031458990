/// An IPv4 or IPv6 address.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the IPv4 address: a client that comes
/// by a socket of both families is the same client to every network, limit and log.
public struct IPAddress: Sendable, Hashable {
    /// The address as a number; IPv4 takes the lower 32 bits.
    let bits: UInt128
    public let isIPv4: Bool

    /// - Parameter bits: the address as a number.
    public init(ipv4 bits: UInt32) {
        self.bits = UInt128(bits)
        isIPv4 = true
    }

    /// - Parameter bits: the address as a number; an IPv4-mapped one becomes the IPv4 address.
    public init(ipv6 bits: UInt128) {
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
    public var octets: [UInt8] {
        var octets: [UInt8] = []
        appendOctets(to: &octets, asIPv4: isIPv4)
        return octets
    }

    /// Appends 4 octets in network order, or 16, those of the IPv4-mapped address for IPv4.
    func appendOctets(to bytes: inout [UInt8], asIPv4: Bool) {
        let bits = isIPv4 && !asIPv4 ? Self.mappedPrefix | bits : bits
        let count = asIPv4 ? 4 : 16
        bytes.append(addingCapacity: count) { added in
            for below in (0..<count).reversed() { added.append(UInt8(truncatingIfNeeded: bits >> (below * 8))) }
        }
    }

    /// `::ffff:0:0`, whose lower 32 bits hold an IPv4 address.
    static let mappedPrefix: UInt128 = 0xFFFF_0000_0000
    static let mappedPrefixLength = 96
}
