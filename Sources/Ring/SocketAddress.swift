import CLinux
import Glibc

/// Where a stream socket is: an IPv4 or IPv6 address with a port, or the name of a Unix socket.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private enum Form: Hashable {
        case ipv4(UInt32, port: UInt16)
        case ipv6(UInt128, port: UInt16, scope: UInt32)
        /// As the kernel has it: a path, or NUL and an abstract name; empty for a socket without a name.
        case unix(name: [UInt8])
    }

    private let form: Form

    /// - Parameters:
    ///   - octets: 4 (IPv4) or 16 (IPv6) octets in network order.
    ///   - scope: the interface of a link-local IPv6 address; 0 for none.
    public init(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
        precondition(octets.count == 4 || octets.count == 16)
        let bits = octets.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        form = octets.count == 4 ? .ipv4(UInt32(bits), port: port) : .ipv6(bits, port: port, scope: scope)
    }

    /// A Unix socket: a path, or `@` and an abstract name (unix(7)).
    ///
    /// `nil` where `unix` is empty, longer than `unixNameLimitBytes` (the `@` not counted) or has a NUL in it.
    public init?(unix text: String) {
        let isAbstract = text.utf8.first == UInt8(ascii: "@")
        let name = Array(isAbstract ? text.utf8.dropFirst() : text.utf8[...])
        guard (1...Self.unixNameLimitBytes).contains(name.count), !name.contains(0) else { return nil }
        form = .unix(name: isAbstract ? [0] + name : name)
    }

    /// Bytes of a Unix socket's path or abstract name, at most.
    public static let unixNameLimitBytes = 107

    /// 4 or 16 octets in network order; none of a Unix socket.
    public var octets: [UInt8] {
        switch form {
        case .ipv4(let bits, _): withUnsafeBytes(of: bits.bigEndian) { Array($0) }
        case .ipv6(let bits, _, _): withUnsafeBytes(of: bits.bigEndian) { Array($0) }
        case .unix: []
        }
    }

    /// The address as a number; 0 of a Unix socket.
    public var bits: UInt128 {
        switch form {
        case .ipv4(let bits, _): UInt128(bits)
        case .ipv6(let bits, _, _): bits
        case .unix: 0
        }
    }

    /// The number of an IPv4 address, also of one that is mapped into IPv6 (RFC 4291 section 2.5.5.2).
    public var ipv4Bits: UInt32? {
        switch form {
        case .ipv4(let bits, _): bits
        case .ipv6(let bits, _, _): bits >> 32 == 0xffff ? UInt32(truncatingIfNeeded: bits) : nil
        case .unix: nil
        }
    }

    /// 0 for a Unix socket.
    public var port: UInt16 {
        switch form {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .unix: 0
        }
    }

    /// The interface of a link-local IPv6 address; 0 for none.
    public var scope: UInt32 {
        if case .ipv6(_, _, let scope) = form { scope } else { 0 }
    }

    public var isUnix: Bool {
        if case .unix = form { true } else { false }
    }

    /// 127.0.0.1.
    public static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(octets: [127, 0, 0, 1], port: port)
    }

    init?(_ raw: linux_address) {
        var raw = raw
        var octets = UInt128(0)
        var scope: UInt32 = 0
        let port = withUnsafeMutableBytes(of: &octets) { linux_address_parts(&raw, $0.baseAddress, &scope) }
        let bits = UInt128(bigEndian: octets)
        switch linux_address_family(&raw) {
        case Int32(LINUX_FAMILY_IPV4.rawValue): form = .ipv4(UInt32(bits >> 96), port: port)
        case Int32(LINUX_FAMILY_IPV6.rawValue): form = .ipv6(bits, port: port, scope: scope)
        case Int32(LINUX_FAMILY_UNIX.rawValue):
            var name = [UInt8](repeating: 0, count: Int(LINUX_UNIX_NAME_BYTES))
            let length = linux_address_unix_name(&raw, &name)
            form = .unix(name: Array(name[..<length]))
        default: return nil
        }
    }

    var raw: linux_address {
        var raw = linux_address()
        switch form {
        case .ipv4(let bits, let port):
            withUnsafeBytes(of: bits.bigEndian) { linux_address_make(&raw, family, $0.baseAddress, port, 0) }
        case .ipv6(let bits, let port, let scope):
            withUnsafeBytes(of: bits.bigEndian) { linux_address_make(&raw, family, $0.baseAddress, port, scope) }
        case .unix(let name): linux_address_make_unix(&raw, name, name.count)
        }
        return raw
    }

    var family: Int32 {
        switch form {
        case .ipv4: Int32(LINUX_FAMILY_IPV4.rawValue)
        case .ipv6: Int32(LINUX_FAMILY_IPV6.rawValue)
        case .unix: Int32(LINUX_FAMILY_UNIX.rawValue)
        }
    }

    /// The kernel's form of the address in hexadecimal, for `init(encoded:)`: nothing of a name is lost.
    public var encoded: String {
        var raw = raw
        return withUnsafeBytes(of: &raw.bytes) { bytes in
            bytes.prefix(Int(raw.length)).reduce(into: "") { text, byte in
                text += (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
            }
        }
    }

    /// What `encoded` has written; nil for anything else.
    public init?(encoded: String) {
        let digits = Array(encoded.utf8)
        var raw = linux_address()
        guard digits.count % 2 == 0, digits.count / 2 <= MemoryLayout.size(ofValue: raw.bytes) else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[start..<(start + 2)], as: UTF8.self)
            guard pair.utf8.first != UInt8(ascii: "+"), let byte = UInt8(pair, radix: 16) else { return nil }
            bytes.append(byte)
        }
        raw.length = UInt32(bytes.count)
        withUnsafeMutableBytes(of: &raw.bytes) { $0.copyBytes(from: bytes) }
        self.init(raw)
    }

    /// The peer of a connected socket; `nil` where it is gone already or of another family.
    static func peer(of descriptor: Int32) -> SocketAddress? {
        var raw = linux_address()
        guard linux_peer_address(descriptor, &raw) >= 0 else { return nil }
        return SocketAddress(raw)
    }

    /// The address a socket is bound to.
    static func local(of descriptor: Int32) -> SocketAddress? {
        var raw = linux_address()
        guard linux_local_address(descriptor, &raw) >= 0 else { return nil }
        return SocketAddress(raw)
    }

    /// `192.0.2.1:25` or `[2001:db8::1]:25`; an IPv4-mapped address is shown as IPv4. `unix:/run/x.sock`, `unix:@name`,
    /// and `unix:` for a socket without a name. Safe to log: of a name, only printable ASCII is shown as it is.
    public var description: String {
        switch form {
        case .unix: host
        case .ipv4(_, let port), .ipv6(_, let port, _):
            ipv4Bits.map { Self.text(ofIPv4: $0, port: port) } ?? "[\(host)]:\(port)"
        }
    }

    /// The address without the port; a Unix socket's whole description.
    public var host: String {
        switch form {
        case .ipv4(let bits, _): Self.text(ofIPv4: bits, port: nil)
        case .ipv6(let bits, _, _): ipv4Bits.map { Self.text(ofIPv4: $0, port: nil) } ?? Self.text(ofIPv6: bits)
        case .unix(let name): "unix:" + Self.text(ofName: name)
        }
    }

    /// Digit by digit: each session is given a client's address as text, and the library's way takes a microsecond.
    private static func text(ofIPv4 bits: UInt32, port: UInt16?) -> String {
        String(unsafeUninitializedCapacity: "255.255.255.255:65535".utf8.count) { text in
            var length = 0
            func add(_ byte: UInt8) {
                text[length] = byte
                length += 1
            }
            func add(number: UInt32) {
                if number >= 10 { add(number: number / 10) }
                add(UInt8(ascii: "0") + UInt8(number % 10))
            }
            var below = UInt32.bitWidth
            while below > 0 {
                below -= 8
                add(number: bits >> UInt32(below) & 0xff)
                if below > 0 { add(UInt8(ascii: ".")) }
            }
            if let port {
                add(UInt8(ascii: ":"))
                add(number: UInt32(port))
            }
            return length
        }
    }

    private static func text(ofIPv6 bits: UInt128) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            _ = withUnsafeBytes(of: bits.bigEndian) {
                inet_ntop(AF_INET6, $0.baseAddress, text.baseAddress!, socklen_t(text.count))
            }
            return String(cString: text.baseAddress!)
        }
    }

    /// A peer chooses its abstract name itself, so that anything may be in there.
    private static func text(ofName name: [UInt8]) -> String {
        let isAbstract = name.first == 0
        return (isAbstract ? name.dropFirst() : name[...]).reduce(into: isAbstract ? "@" : "") { text, byte in
            if (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += byte < 0x10 ? "\\x0" : "\\x"
                text += String(byte, radix: 16)
            }
        }
    }
}
