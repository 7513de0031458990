import CLinux
import Glibc

/// A socket that accepts connections, bound by us or handed in. A name for a descriptor, not its owner: `close` is
/// explicit, because the sockets of one address are shared out among the shards.
public struct ListeningSocket: Sendable, Equatable {
    public let descriptor: Int32
    /// The address it is bound to, with the port the system chose where 0 was asked for.
    public let address: SocketAddress

    /// Why a socket could not be had.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        /// Somebody else has the address; it may be free again soon.
        public let isAddressInUse: Bool

        init(_ subject: String, errno: Int32) {
            description = "\(subject): \(systemErrorText(errno))"
            isAddressInUse = errno == EADDRINUSE
        }
    }

    /// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
    private static let backlog: Int32 = 4096

    /// Binds and listens.
    ///
    /// - Parameter sharesPort: several sockets may listen on the address (SO_REUSEPORT); the kernel spreads
    ///   connections over them.
    public static func bind(_ address: SocketAddress, sharesPort: Bool) throws(Failure) -> ListeningSocket {
        var raw = address.raw
        // [::] takes IPv4 as well, as administrators expect of it.
        let options = linux_listen_options(backlog: backlog, reuse_port: sharesPort, ipv6_only: false)
        let descriptor = linux_listen(&raw, options)
        guard descriptor >= 0 else { throw Failure(address.description, errno: -descriptor) }
        return ListeningSocket(descriptor: descriptor, address: SocketAddress.local(of: descriptor) ?? address)
    }

    /// Makes sure that nobody listens on the address, not even with a shared port.
    public static func checkFree(_ address: SocketAddress) throws(Failure) {
        var raw = address.raw
        let result = linux_check_free(&raw)
        guard result >= 0 else { throw Failure(address.description, errno: -result) }
    }

    /// Takes over a socket that someone else has bound, as systemd does.
    public static func adopt(_ descriptor: Int32) throws(Failure) -> ListeningSocket {
        guard linux_is_listening(descriptor), let address = SocketAddress.local(of: descriptor) else {
            throw Failure("descriptor \(descriptor) is not a listening socket", errno: EINVAL)
        }
        return ListeningSocket(descriptor: descriptor, address: address)
    }

    public func close() {
        linux_close(descriptor)
    }
}
