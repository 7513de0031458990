import CLinux
import Glibc

/// A socket that accepts connections, bound by us or handed in. A name for a descriptor, not its owner: `close` is
/// explicit, because the sockets of one address are shared out among the shards.
public struct ListeningSocket: Sendable, Equatable {
    public let descriptor: Int32
    /// The address it is bound to, with the port the system chose where 0 was asked for.
    public let address: SocketAddress
    /// The file made for a Unix socket; nil where there is none or somebody else has made it.
    public let file: File?

    /// Which file it is, among all that exist at the same time.
    public struct File: Sendable, Equatable {
        public let device: UInt64
        public let inode: UInt64

        public init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }

        fileprivate var raw: linux_file { linux_file(device: device, inode: inode) }
    }

    private init(_ descriptor: Int32, _ address: SocketAddress, file: File? = nil) {
        self.descriptor = descriptor
        self.address = address
        self.file = file
    }

    /// Why a socket could not be had.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        /// The system's error number, positive.
        public let errno: Int32

        init(_ subject: String, errno: Int32) {
            description = "\(subject): \(Self.reason(errno))"
            self.errno = errno
        }

        /// Somebody else has the address; it may be free again soon.
        public var isAddressInUse: Bool { errno == EADDRINUSE }

        private static func reason(_ errno: Int32) -> String {
            switch errno {
            case ENOTSOCK: "there is a file that is no socket"
            case EPROTOTYPE: "there is a socket of another type"
            default: systemErrorText(errno)
            }
        }
    }

    /// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
    private static let backlog: Int32 = 4096

    /// Binds and listens.
    ///
    /// The file of a Unix socket is replaced where its listener is no more. A Unix socket is one for all shards: each
    /// may accept from it.
    ///
    /// - Parameters:
    ///   - sharesPort: several sockets may listen on the address (SO_REUSEPORT); the kernel spreads connections over
    ///     them. Means nothing to a Unix socket, which cannot be bound twice.
    ///   - ipv6Only: an IPv6 socket takes no IPv4. By default `[::]` takes both, as administrators expect of it.
    ///   - mode: the permissions of a Unix socket's file: who may write to it may connect.
    public static func bind(
        _ address: SocketAddress, sharesPort: Bool, ipv6Only: Bool = false, mode: UInt32 = 0o660
    ) throws(Failure) -> ListeningSocket {
        var raw = address.raw
        var made = linux_file()
        let descriptor =
            address.isUnix
            ? linux_listen_unix(&raw, backlog, mode, &made)
            : linux_listen(&raw, .init(backlog: backlog, reuse_port: sharesPort, ipv6_only: ipv6Only))
        guard descriptor >= 0 else { throw Failure(address.description, errno: -descriptor) }
        let file = made.inode == 0 ? nil : File(device: made.device, inode: made.inode)
        return ListeningSocket(descriptor, SocketAddress.local(of: descriptor) ?? address, file: file)
    }

    /// Makes sure that nobody listens on the address, not even with a shared port.
    public static func checkFree(_ address: SocketAddress, ipv6Only: Bool = false) throws(Failure) {
        var raw = address.raw
        let result = address.isUnix ? linux_check_free_unix(&raw) : linux_check_free(&raw, ipv6Only)
        guard result >= 0 else { throw Failure(address.description, errno: -result) }
    }

    /// Takes over a socket that someone else has bound, as systemd does.
    ///
    /// - Parameter file: the file of its own, of a Unix socket that is to be ours to the end.
    public static func adopt(_ descriptor: Int32, file: File? = nil) throws(Failure) -> ListeningSocket {
        guard linux_is_listening(descriptor), let address = SocketAddress.local(of: descriptor) else {
            throw Failure("descriptor \(descriptor) is not a listening socket", errno: EINVAL)
        }
        return ListeningSocket(descriptor, address, file: file)
    }

    /// True where somebody has removed or replaced the file that `bind` made: nobody can connect any more.
    public var hasLostFile: Bool {
        guard let file else { return false }
        var raw = address.raw
        return [ENOENT, ENOTDIR, ESTALE, ENOTSOCK].contains(-linux_check_socket_file(&raw, file.raw))
    }

    /// Gives the file that `bind` made to another user. A file that has taken its place meanwhile stays as it is.
    public func give(toUser user: UInt32, group: UInt32) {
        guard let file else { return }
        var raw = address.raw
        linux_give_socket_file(&raw, file.raw, user, group)
    }

    /// Closes the socket, and removes the file that `bind` made for it. A file that has taken its place meanwhile
    /// stays; the two cannot be confused, because the kernel gives the number of ours to no other file while the
    /// socket is open.
    public func close() {
        removeFile()
        linux_close(descriptor)
    }

    /// Closes the socket for this process alone: another one has it too, and the file is that one's now.
    public func leave() {
        linux_close(descriptor)
    }

    /// Removes the file that `bind` made, as `close` does: nobody else can connect, and those who wait can be taken.
    public func removeFile() {
        guard let file else { return }
        var raw = address.raw
        linux_remove_socket_file(&raw, file.raw)
    }
}
