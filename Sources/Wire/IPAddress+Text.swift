/// Addresses as text: read strictly, written as RFC 5952 has it.
extension IPAddress: CustomStringConvertible {
    /// The longest text of an address, in bytes: IPv6 in full, its end written as IPv4.
    static let textLimitBytes = 45

    /// Reads `192.0.2.1` or `2001:db8::1` (RFC 4291 section 2.2). No brackets, no zone, no blanks; an IPv4 part has no
    /// leading zeros, which some take for octal. Nil for anything else.
    public init?(_ text: String) {
        let bytes = [UInt8](text.utf8.prefix(Self.textLimitBytes + 1))
        let range = bytes.indices
        if let bits = Self.ipv4(bytes.span, in: range) {
            self.init(ipv4: bits)
        } else if let bits = Self.ipv6(bytes.span, in: range) {
            self.init(ipv6: bits)
        } else {
            return nil
        }
    }

    /// The dotted quad that stands in `range`, and nothing else.
    static func ipv4(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt32? {
        var bits: UInt32 = 0
        var start = range.lowerBound
        for part in 0..<4 {
            var end = start
            while end < range.upperBound, bytes[end] != .dot { end += 1 }
            // Three parts end with a dot, the last one with the text.
            guard (end == range.upperBound) == (part == 3) else { return nil }
            guard let octet = decimal(bytes, in: start..<end, limit: 255) else { return nil }
            bits = bits << 8 | UInt32(octet)
            start = end + 1
        }
        return bits
    }

    /// The IPv6 address that stands in `range`, and nothing else.
    static func ipv6(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt128? {
        var bits: UInt128 = 0
        var groups = 0
        /// How many groups stand before `::`.
        var gap: Int?
        var index = range.lowerBound
        if range.count >= 2, bytes[index] == .colon, bytes[index + 1] == .colon {
            gap = 0
            index += 2
        }
        while index < range.upperBound {
            var end = index
            while end < range.upperBound, bytes[end] != .colon { end += 1 }
            if end == range.upperBound, let quad = ipv4(bytes, in: index..<end) {
                bits = bits << 32 | UInt128(quad)
                groups += 2
                break
            }
            guard groups < 8, let group = hexadecimal(bytes, in: index..<end) else { return nil }
            bits = bits << 16 | group
            groups += 1
            guard end < range.upperBound else { break }
            index = end + 1
            guard index < range.upperBound else { return nil }
            if bytes[index] == .colon {
                guard gap == nil else { return nil }
                gap = groups
                index += 1
            }
        }
        guard let gap else { return groups == 8 ? bits : nil }
        guard groups < 8 else { return nil }
        let tailBits = 16 * (groups - gap)
        let tail = bits & ((UInt128(1) << tailBits) - 1)
        return (bits >> tailBits) << (16 * (8 - gap)) | tail
    }

    /// A decimal number without leading zeros, of digits only.
    static func decimal(_ bytes: Span<UInt8>, in range: Range<Int>, limit: Int) -> Int? {
        guard (1...5).contains(range.count) else { return nil }
        if range.count > 1, bytes[range.lowerBound] == UInt8(ascii: "0") { return nil }
        var value = 0
        for index in range {
            guard let digit = bytes[index].decimalValue else { return nil }
            value = value * 10 + digit
        }
        return value <= limit ? value : nil
    }

    private static func hexadecimal(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt128? {
        guard (1...4).contains(range.count) else { return nil }
        var value: UInt128 = 0
        for index in range {
            guard let digit = bytes[index].hexadecimalValue else { return nil }
            value = value << 4 | UInt128(digit)
        }
        return value
    }

    /// `192.0.2.1` or `2001:db8::1`, in the one spelling of RFC 5952 section 4.
    public var description: String {
        guard isIPv4 else { return descriptionIPv6 }
        return octets.map { "\($0)" }.joined(separator: ".")
    }

    /// The text of an IPv6 address, that of the IPv4-mapped one for IPv4 (RFC 5952 section 5).
    var descriptionIPv6: String {
        if isIPv4 { return "::ffff:\(description)" }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * $0)) }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let gap = Self.longestZeros(in: groups) else { return text(0..<8) }
        return text(0..<gap.lowerBound) + "::" + text(gap.upperBound..<8)
    }

    /// The first of the longest runs of zeros; one zero alone is no run.
    private static func longestZeros(in groups: [UInt16]) -> Range<Int>? {
        var longest = 0..<1
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<index + 1
            }
        }
        return longest.count > 1 ? longest : nil
    }
}
