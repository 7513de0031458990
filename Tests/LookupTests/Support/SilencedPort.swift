import Glibc
import Ring

/// A UDP port of 127.0.0.1 where nobody answers, and nobody comes to: it is taken by a socket that talks to one other
/// alone, so that the kernel says of all others' datagrams that there is nobody (ICMP port unreachable).
final class SilencedPort: Sendable {
    let address: SocketAddress
    private let descriptor: Int32

    struct Failure: Error {}

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        var name = Self.name(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isReady = withUnsafeMutableBytes(of: &name) { raw in
            let pointer = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
        // The discard service's port, to which nothing is sent.
        let partner = Self.name(port: 9)
        let isTaken = withUnsafeBytes(of: partner) {
            connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), length) == 0
        }
        guard isReady, isTaken else {
            close(descriptor)
            throw Failure()
        }
        address = .loopback(port: UInt16(bigEndian: name.sin_port))
    }

    deinit { close(descriptor) }

    private static func name(port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return name
    }
}
