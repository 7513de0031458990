import Glibc
import Ring

/// Reads what options are given, and says what was expected where it is not that.
enum Values {
    static func count(_ text: String, in limits: ClosedRange<Int>) throws(UsageError) -> Int {
        guard let value = Int(text), limits.contains(value) else {
            throw UsageError("'\(text)' is not a number from \(limits.lowerBound) to \(limits.upperBound)")
        }
        return value
    }

    static func shards(_ text: String) throws(UsageError) -> Int { try count(text, in: 1...64) }

    /// One of the words that the cases of `Choice` are named by.
    static func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String
    ) throws(UsageError) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            throw UsageError("'\(text)' is none of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// Bytes: a number, with `k`, `M` or `G` (powers of 1,024) behind it or not.
    static func size(_ text: String) throws(UsageError) -> Int {
        let units: [Character: Int] = ["k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let number = Int(digits), number >= 0 else { throw UsageError("'\(text)' is not a size such as 64k") }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, bytes <= 1 << 40 else { throw UsageError("'\(text)' is too large") }
        return bytes
    }

    /// A duration: a number of seconds, or one with `ms`, `s`, `m` or `h` behind it.
    static func duration(_ text: String) throws(UsageError) -> Duration {
        let units: [(suffix: String, milliseconds: Double)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("", 1_000),
        ]
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let number = Double(text.dropLast(unit.suffix.count)), number >= 0 else { break }
            let milliseconds = number * unit.milliseconds
            guard milliseconds <= 30 * 86_400_000 else { throw UsageError("'\(text)' is longer than 30 days") }
            return .milliseconds(Int64(milliseconds))
        }
        throw UsageError("'\(text)' is not a duration such as 30s")
    }

    /// An IPv4 or IPv6 address with a port, `192.0.2.1:25` or `[2001:db8::1]:25`; or the first one of a name,
    /// `mx.example.com:25`.
    static func address(_ text: String) throws(UsageError) -> SocketAddress {
        let expected = UsageError("'\(text)' is not an address with a port, such as 127.0.0.1:25 or [::1]:25")
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw expected
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let bare = isBracketed ? String(host.dropFirst().dropLast()) : String(host)
        var octets = [UInt8](repeating: 0, count: isBracketed ? 16 : 4)
        if inet_pton(isBracketed ? AF_INET6 : AF_INET, bare, &octets) == 1 {
            return SocketAddress(octets: octets, port: port)
        }
        guard !isBracketed, bare.contains(where: \.isLetter), !bare.contains(":") else { throw expected }
        return SocketAddress(octets: try firstAddress(of: bare), port: port)
    }

    /// Asks the system, and waits.
    private static func firstAddress(of name: String) throws(UsageError) -> [UInt8] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(name, nil, &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard result == 0, let address = found?.pointee.ai_addr else {
            throw UsageError("'\(name)': \(result == 0 ? "no address" : String(cString: gai_strerror(result)))")
        }
        let raw = UnsafeRawPointer(address)
        return address.pointee.sa_family == sa_family_t(AF_INET6)
            ? withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
            : withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
    }
}
