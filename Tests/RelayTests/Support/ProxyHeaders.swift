import Glibc
import Relay
import Ring
import TestSupport
import Wire

/// Headers of the PROXY protocol, put together by hand.
enum Proxied {
    static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    static let local: UInt8 = 0x20
    static let proxy: UInt8 = 0x21
    /// 192.0.2.1:4711 to 198.51.100.2:25.
    static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x67, 0, 25]
    /// 2001:db8::1 to 2001:db8::2, with the same ports.
    static let ipv6: [UInt8] = ipv6Address(1) + ipv6Address(2) + [0x12, 0x67, 0, 25]
    /// ::ffff:192.0.2.1 to 2001:db8::2, with the same ports.
    static let mixed: [UInt8] = mapped([192, 0, 2, 1]) + ipv6Address(2) + [0x12, 0x67, 0, 25]

    static func ipv6Address(_ last: UInt8) -> [UInt8] {
        [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [last]
    }

    static func mapped(_ octets: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + octets
    }

    static func v1(_ fields: String) -> [UInt8] { Array("PROXY \(fields)\r\n".utf8) }

    static func v2(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(block.count >> 8), UInt8(block.count & 0xff)] + block
    }

    /// With a checksum at its end.
    static func checked(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) -> [UInt8] {
        let header = v2(command, family, block + tlv(0x03, [0, 0, 0, 0]))
        let sum = crc32c(header)
        return header.dropLast(4) + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
    }

    /// Bit by bit (RFC 3720, appendix B.4).
    private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82f6_3b78 : sum >> 1 }
        }
        return ~sum
    }

    static func tlv(_ kind: UInt8, _ value: [UInt8]) -> [UInt8] {
        [kind, UInt8(value.count >> 8), UInt8(value.count & 0xff)] + value
    }

    /// A client of this address.
    static func client(_ address: String) -> [UInt8] {
        address.contains(":")
            ? v1("TCP6 \(address) 2001:db8::2 4711 25") : v1("TCP4 \(address) 198.51.100.2 4711 25")
    }
}

extension IPNetwork {
    static func of(_ text: String) -> IPNetwork {
        guard let network = try? IPNetwork(text) else { preconditionFailure("no network: \(text)") }
        return network
    }
}

extension Setup {
    /// A listener whose clients come through a proxy on this host.
    static func behindProxy(
        _ starttls: ListenerSettings.StartTLSPolicy = .offer, _ change: (inout Setup) -> Void = { _ in }
    ) -> Setup {
        Setup(starttls) { setup in
            setup.listener.proxyProtocol = .init(trusted: [.of("127.0.0.0/8")])
            change(&setup)
        }
    }

    /// TLS from the client's first byte.
    mutating func useImplicitTLS() {
        listener.tls = .test
        listener.isImplicitTLS = true
    }
}

extension Peer {
    /// As the upstream: the header of version 2 that comes first, and nothing of what follows.
    func proxyHeader() throws -> (header: ProxyHeader, bytes: [UInt8]) {
        let start = try readRaw(exactly: 16)
        let bytes = try start + readRaw(exactly: Int(start[14]) << 8 | Int(start[15]))
        guard case .header(let header, length: bytes.count) = ProxyHeader.next(in: bytes.span) else {
            throw Failure(description: "no header: \(bytes)")
        }
        return (header, bytes)
    }

    /// As the upstream: the header of version 1 that comes first, without its CRLF.
    func proxyLine() throws -> String {
        var line: [UInt8] = []
        while line.suffix(2) != [13, 10] { line += try readRaw(exactly: 1) }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    /// The next connection to a socket of any address family.
    convenience init(accepting socket: ListeningSocket) throws {
        let descriptor = Glibc.accept(socket.descriptor, nil, nil)
        guard descriptor >= 0 else { throw Failure(description: "accept: errno \(errno)") }
        self.init(descriptor: descriptor)
    }

    /// A client of any address family.
    convenience init(to address: SocketAddress) throws {
        let family = address.isUnix ? AF_UNIX : address.octets.count == 4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = [UInt8](withUnsafeBytes(of: sa_family_t(family)) { Array($0) })
        if address.isUnix {
            name += address.host.utf8.dropFirst("unix:".utf8.count) + [0]
        } else {
            name += [UInt8(address.port >> 8), UInt8(address.port & 0xff)]
            let scope = [UInt8](repeating: 0, count: 4)
            name += family == AF_INET ? address.octets + scope + scope : scope + address.octets + scope
        }
        let result = name.withUnsafeBytes {
            Glibc.connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard result == 0 else { throw Failure(description: "connect: errno \(errno)") }
        self.init(descriptor: descriptor)
    }
}
