import Glibc
public import Ring
import Synchronization

/// A listening socket on 127.0.0.1 whose connections the test takes one by one and drives by hand.
public final class LoopbackServer: Sendable {
    private let descriptor: Int32
    public let address: SocketAddress

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - backlog: connections that may wait to be taken.
    public init(port: UInt16 = 0, backlog: Int32 = 4096) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in.loopback(port: port)
        guard descriptor >= 0, name.withPointer({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, backlog) == 0
        else {
            let error = errno
            Glibc.close(descriptor)
            throw Peer.Failure(description: "listen: errno \(error)")
        }
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

    /// An address at which nobody listens, a new one each time. Its port is none that the system gives to those who ask
    /// for any: a test beside this one would get it.
    public static func closedAddress() throws -> SocketAddress {
        for _ in closedPorts {
            let number = closedPortsGiven.add(1, ordering: .relaxed).newValue
            let port = closedPorts.lowerBound + UInt16(number % closedPorts.count)
            if let server = try? LoopbackServer(port: port) { return server.address }
        }
        throw Peer.Failure(description: "no port is free")
    }

    /// Below `net.ipv4.ip_local_port_range`.
    private static let closedPorts: Range<UInt16> = 10_000..<32_000
    /// Processes that test at the same time begin at different places.
    private static let closedPortsGiven = Atomic(Int.random(in: 0..<22_000))
}
