import CLinux
import Glibc

/// Where a stream socket is: an IPv4 or IPv6 address with a port, or the name of a Unix socket.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private enum Form: Hashable {
        case ipv4(octets: [UInt8], port: UInt16)
        case ipv6(octets: [UInt8], port: UInt16, scope: UInt32)
        /// As the kernel has it: a path, or NUL and an abstract name; empty for a socket without a name.
        case unix(name: [UInt8])
    }

    private let form: Form

    private init(form: Form) {
        self.form = form
    }

    /// - Parameters:
    ///   - octets: 4 (IPv4) or 16 (IPv6) octets in network order.
    ///   - scope: the interface of a link-local IPv6 address; 0 for none.
    public init(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
        precondition(octets.count == 4 || octets.count == 16)
        form =
            octets.count == 4
            ? .ipv4(octets: octets, port: port) : .ipv6(octets: octets, port: port, scope: scope)
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
        case .ipv4(let octets, _), .ipv6(let octets, _, _): octets
        case .unix: []
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
        var octets = [UInt8](repeating: 0, count: 16)
        var scope: UInt32 = 0
        let port = linux_address_parts(&raw, &octets, &scope)
        switch linux_address_family(&raw) {
        case Int32(LINUX_FAMILY_IPV4.rawValue): self.init(octets: Array(octets[..<4]), port: port)
        case Int32(LINUX_FAMILY_IPV6.rawValue): self.init(octets: octets, port: port, scope: scope)
        case Int32(LINUX_FAMILY_UNIX.rawValue):
            var name = [UInt8](repeating: 0, count: Int(LINUX_UNIX_NAME_BYTES))
            let length = linux_address_unix_name(&raw, &name)
            self.init(form: .unix(name: Array(name[..<length])))
        default: return nil
        }
    }

    var raw: linux_address {
        var raw = linux_address()
        switch form {
        case .ipv4(let octets, let port): linux_address_make(&raw, family, octets, port, 0)
        case .ipv6(let octets, let port, let scope): linux_address_make(&raw, family, octets, port, scope)
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
        case .ipv4: "\(host):\(port)"
        case .ipv6: isMapped ? "\(host):\(port)" : "[\(host)]:\(port)"
        case .unix: host
        }
    }

    /// The address without the port; a Unix socket's whole description.
    public var host: String {
        switch form {
        case .ipv4(let octets, _): Self.text(of: octets)
        case .ipv6(let octets, _, _): Self.text(of: isMapped ? Array(octets[12...]) : octets)
        case .unix(let name): "unix:" + Self.text(ofName: name)
        }
    }

    private static func text(of octets: [UInt8]) -> String {
        let family = octets.count == 4 ? AF_INET : AF_INET6
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            inet_ntop(family, octets, text.baseAddress!, socklen_t(text.count))
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

    private var isMapped: Bool {
        let octets = octets
        return octets.count == 16 && octets[..<10].allSatisfy { $0 == 0 } && octets[10] == 0xff && octets[11] == 0xff
    }
}
