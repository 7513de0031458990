package import Ring

/// Whom a limit for an address is about: an IPv4 address, mapped or not, or the /64 that an IPv6 site is given.
package struct AddressKey: Hashable {
    /// The address, or the upper half of it.
    package let high: UInt64
    package let isIPv4: Bool

    package init(_ address: SocketAddress) {
        isIPv4 = address.ipv4Bits != nil
        high = address.ipv4Bits.map(UInt64.init) ?? UInt64(address.bits >> 64)
    }

    package var stripe: Int { Int(truncatingIfNeeded: (high &* 0x9e37_79b9_7f4a_7c15) >> 58) }
}

extension AddressKey: CustomStringConvertible {
    /// `192.0.2.1`, or `2001:db8::/64`.
    package var description: String {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(8 * (7 - $0))) }
        guard !isIPv4 else { return SocketAddress(octets: Array(bytes.suffix(4)), port: 0).host }
        return SocketAddress(octets: bytes + [UInt8](repeating: 0, count: 8), port: 0).host + "/64"
    }
}
