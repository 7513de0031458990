extension Settings {
    /// An IP address without a port.
    public struct Address: Sendable, Hashable {
        /// In network order: 4 bytes of IPv4, or 16 of IPv6.
        public let bytes: [UInt8]

        public var isIPv6: Bool { bytes.count == 16 }
    }

    /// All addresses that begin with the same bits.
    public struct Network: Sendable, Hashable {
        /// In network order: 4 bytes of IPv4, or 16 of IPv6; zero behind the prefix. Never IPv4 mapped into IPv6.
        public let address: [UInt8]
        /// In bits: 0 to 32, or to 128.
        public let prefixLength: Int
    }
}

extension Settings.Address: CustomStringConvertible {
    public var description: String { AddressText.format(bytes) }

    /// Reads an address that a socket can be bound to.
    static func parse(_ text: String) -> Parsed<Settings.Address> {
        let shown = Quoting.shown(text)
        guard let bytes = AddressText.parse(text[...]) else {
            return .refused("\(shown) is not an IP address; expected one without a port")
        }
        let plain = AddressText.unmapped(bytes)
        if plain != bytes { return .refused("\(shown) is IPv4 within IPv6; write \"\(AddressText.format(plain))\"") }
        if bytes.allSatisfy({ $0 == 0 }) { return .refused("\(shown) stands for every address; name one") }
        return .value(Settings.Address(bytes: bytes))
    }
}

extension Settings.Network: CustomStringConvertible {
    /// `192.0.2.0/24`; a network of one address is that address.
    public var description: String {
        let text = AddressText.format(address)
        return prefixLength == address.count * 8 ? text : "\(text)/\(prefixLength)"
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or one address. Bits behind the prefix are most likely a slip, so they are
    /// refused, with what was probably meant.
    static func parse(_ text: String) -> Parsed<Settings.Network> {
        let shown = Quoting.shown(text)
        let slash = text.firstIndex(of: "/")
        guard let address = AddressText.parse(text[..<(slash ?? text.endIndex)]) else {
            return .refused("\(shown) is not a network; expected one as in \"192.0.2.0/24\" or \"2001:db8::/32\"")
        }
        let bits = address.count * 8
        let digits = slash.map { text[text.index(after: $0)...] }
        guard let length = digits.map({ Ascii.number($0, digitsMax: 3) }) ?? bits, length <= bits else {
            return .refused("\(shown): the length of the prefix is not a number from 0 to \(bits)")
        }
        let network = Settings.Network(address: masked(address, length), prefixLength: length)
        let plain = AddressText.unmapped(network.address)
        if plain != network.address, length >= 96 {
            let written = Settings.Network(address: plain, prefixLength: length - 96)
            return .refused("\(shown) is IPv4 within IPv6; write \"\(written)\"")
        }
        guard network.address == address else {
            return .refused("\(shown) has bits set behind the prefix; did you mean \"\(network)\"?")
        }
        return .value(network)
    }

    private static func masked(_ address: [UInt8], _ length: Int) -> [UInt8] {
        address.enumerated().map { index, byte in
            let kept = min(max(length - index * 8, 0), 8)
            return byte & ~UInt8(truncatingIfNeeded: 0xFF >> kept)
        }
    }
}
