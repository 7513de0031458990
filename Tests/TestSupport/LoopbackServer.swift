import Glibc
public import Ring

/// A listening socket on 127.0.0.1 whose connections the test takes one by one and drives by hand.
public final class LoopbackServer: Sendable {
    private let descriptor: Int32
    public let address: SocketAddress

    /// - Parameter backlog: connections that may wait to be taken.
    public init(backlog: Int32 = 4096) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in.loopback(port: 0)
        guard descriptor >= 0, name.withPointer({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, backlog) == 0
        else { throw Peer.Failure(description: "listen: errno \(errno)") }
        self.descriptor = descriptor
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = name.withPointer { pointer, _ in getsockname(descriptor, pointer, &length) }
        address = SocketAddress.loopback(port: UInt16(bigEndian: name.sin_port))
    }

    deinit { Glibc.close(descriptor) }

    /// Takes the next connection; waits for it.
    public func accept() throws -> Peer {
        guard try isCalled(withinMilliseconds: Int32(Peer.patienceSeconds) * 1000) else {
            throw Peer.Failure(description: "nobody connects")
        }
        let connection = uninterrupted { Glibc.accept(descriptor, nil, nil) }
        guard connection >= 0 else { throw Peer.Failure(description: "accept: errno \(errno)") }
        return Peer(descriptor: connection)
    }

    /// True as soon as a connection waits to be taken.
    public func isCalled(withinMilliseconds limit: Int32) throws -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let result = uninterrupted { Glibc.poll(&poll, 1, limit) }
        guard result >= 0 else { throw Peer.Failure(description: "poll: errno \(errno)") }
        return result > 0
    }

    /// Lets no more than the one connection in, which nobody takes: further ones hang, as with a host that is off.
    public static func full() throws -> (server: LoopbackServer, filler: Peer) {
        let server = try LoopbackServer(backlog: 0)
        return (server, try Peer(port: server.address.port))
    }

    /// An address at which nobody listens.
    public static func closedAddress() throws -> SocketAddress {
        try LoopbackServer().address
    }
}
