import Glibc

/// IP addresses as text. An address is 4 bytes of IPv4 or 16 of IPv6, in network order.
enum AddressText {
    static func parse(_ text: Substring) -> [UInt8]? {
        parseIPv4(text) ?? parseIPv6(text)
    }

    static func parseIPv4(_ text: Substring) -> [UInt8]? {
        parse(text, AF_INET, bytes: 4)
    }

    /// Without brackets.
    static func parseIPv6(_ text: Substring) -> [UInt8]? {
        parse(text, AF_INET6, bytes: 16)
    }

    static func format(_ address: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(address.count == 16 ? AF_INET6 : AF_INET, address, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The address; as IPv4 where it is IPv4 mapped into IPv6 (RFC 4291, section 2.5.5.2).
    static func unmapped(_ address: [UInt8]) -> [UInt8] {
        let mark = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return address.count == 16 && address.starts(with: mark) ? Array(address.suffix(4)) : address
    }

    private static func parse(_ text: Substring, _ family: Int32, bytes count: Int) -> [UInt8]? {
        // C would read no further than a zero byte.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, String(text), &bytes) == 1 ? bytes : nil
    }
}
