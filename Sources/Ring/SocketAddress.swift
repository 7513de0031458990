import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 octets in network order.
    public let octets: [UInt8]
    public let port: UInt16
    /// The interface of a link-local IPv6 address; 0 for none.
    public let scope: UInt32

    /// - Parameter octets: 4 (IPv4) or 16 (IPv6) octets in network order.
    public init(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
        precondition(octets.count == 4 || octets.count == 16)
        self.octets = octets
        self.port = port
        self.scope = scope
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
        default: return nil
        }
    }

    var raw: linux_address {
        var raw = linux_address()
        linux_address_make(&raw, family, octets, port, scope)
        return raw
    }

    var family: Int32 {
        Int32(octets.count == 4 ? LINUX_FAMILY_IPV4.rawValue : LINUX_FAMILY_IPV6.rawValue)
    }

    /// The peer of a connected socket; `nil` where it is gone already or not of the Internet families.
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

    /// `192.0.2.1:25` or `[2001:db8::1]:25`; an IPv4-mapped address is shown as IPv4.
    public var description: String {
        octets.count == 4 || isMapped ? "\(host):\(port)" : "[\(host)]:\(port)"
    }

    /// The address without the port.
    public var host: String {
        let octets = isMapped ? Array(octets[12...]) : octets
        let family = octets.count == 4 ? AF_INET : AF_INET6
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            inet_ntop(family, octets, text.baseAddress!, socklen_t(text.count))
            return String(cString: text.baseAddress!)
        }
    }

    private var isMapped: Bool {
        octets.count == 16 && octets[..<10].allSatisfy { $0 == 0 } && octets[10] == 0xff && octets[11] == 0xff
    }
}
