import CLinux
import Glibc
import Testing

@testable import Ring

/// Unix sockets as listeners and as upstreams.
@Suite struct UnixSocketTests {
    /// A folder of its own for each test.
    private final class Folder {
        let path: String

        init() {
            var template = Array("/tmp/mailrace-test.XXXXXX".utf8CString)
            path = mkdtemp(&template) == nil ? "" : String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
            precondition(!path.isEmpty)
        }

        deinit {
            unlink(path + "/socket")
            rmdir(path)
        }

        var socketPath: String { path + "/socket" }
        var address: SocketAddress { SocketAddress(unix: socketPath)! }
        var hasFile: Bool { access(socketPath, F_OK) == 0 }
    }

    private static func abstract() -> SocketAddress {
        SocketAddress(unix: "@mailrace-test-\(getpid())-\(linux_monotonic_ns())")!
    }

    private static func isInUse(_ address: SocketAddress) -> Bool {
        do throws(ListeningSocket.Failure) {
            try ListeningSocket.bind(address, sharesPort: true).close()
            return false
        } catch {
            return error.isAddressInUse
        }
    }

    /// Why the address cannot be listened on, where that will not change by itself.
    private static func refusal(_ address: SocketAddress) -> String? {
        do throws(ListeningSocket.Failure) {
            try ListeningSocket.bind(address, sharesPort: true).close()
            return nil
        } catch {
            guard !error.isAddressInUse, error.description.hasPrefix("\(address): ") else { return nil }
            return String(error.description.dropFirst("\(address): ".count))
        }
    }

    private static func isFree(_ address: SocketAddress, ipv6Only: Bool = false) -> Bool {
        (try? ListeningSocket.checkFree(address, ipv6Only: ipv6Only)) != nil
    }

    /// A connection through the ring, and a word each way.
    private static func talk(over address: SocketAddress) async throws {
        let socket = try ListeningSocket.bind(address, sharesPort: false)
        try await withShard { shard in
            guard let client = try? await shard.ring.connect(to: address, deadline: .never) else {
                Issue.record("not connected")
                return
            }
            #expect(client.peerAddress == address)
            let server = Stream(shard.ring, descriptor: accept(socket.descriptor, nil, nil))
            #expect(server.peerAddress?.description == "unix:")
            #expect(server.localAddress == address)
            try? await client.write(Array("EHLO".utf8))
            #expect(await server.read(atLeast: 4) == "EHLO")
            try? await server.write(Array("250".utf8))
            #expect(await client.read(atLeast: 3) == "250")
            await client.closeGracefully(within: .zero)
            await server.close()
        }
        socket.close()
    }

    @Test func aPathIsListenedOnAndDialled() async throws {
        let folder = Folder()
        try await Self.talk(over: folder.address)
        #expect(!folder.hasFile)
    }

    @Test func anAbstractNameIsListenedOnAndDialled() async throws {
        let address = Self.abstract()
        try await Self.talk(over: address)
        #expect(Self.isFree(address))
    }

    @Test(arguments: [nil, 0o600, 0o666] as [UInt32?])
    func theFileHasThePermissionsAskedFor(mode: UInt32?) throws {
        let folder = Folder()
        let socket =
            if let mode { try ListeningSocket.bind(folder.address, sharesPort: false, mode: mode) } else {
                try ListeningSocket.bind(folder.address, sharesPort: false)
            }
        defer { socket.close() }
        var status = stat()
        #expect(stat(folder.socketPath, &status) == 0)
        #expect(status.st_mode & 0o777 == mode ?? 0o660)
    }

    @Test func aLiveListenerKeepsItsAddress() throws {
        for (folder, address) in [(Folder(), nil), (Folder(), Self.abstract())] {
            let address = address ?? folder.address
            let socket = try ListeningSocket.bind(address, sharesPort: true)
            #expect(Self.isInUse(address))
            #expect(!Self.isFree(address))
            #expect(address.description.hasPrefix("unix:@") || folder.hasFile)
            socket.close()
            #expect(Self.isFree(address))
        }
    }

    @Test func theFileOfADeadListenerIsReplaced() throws {
        let folder = Folder()
        let dead = try ListeningSocket.bind(folder.address, sharesPort: false)
        linux_close(dead.descriptor)
        #expect(folder.hasFile)
        #expect(Self.isFree(folder.address))
        #expect(folder.hasFile)
        let socket = try ListeningSocket.bind(folder.address, sharesPort: false)
        #expect(!Self.isFree(folder.address))
        socket.close()
        #expect(!folder.hasFile)
    }

    @Test func anotherKindOfFileIsNeverRemoved() throws {
        let folder = Folder()
        close(open(folder.socketPath, O_CREAT | O_WRONLY, 0o600))
        #expect(Self.refusal(folder.address) == "there is a file that is no socket")
        #expect(!Self.isFree(folder.address))
        #expect(folder.hasFile)
    }

    @Test func aLinkThatLeadsNowhereIsNoSocket() throws {
        let folder = Folder()
        #expect(symlink("nowhere", folder.socketPath) == 0)
        #expect(Self.refusal(folder.address) == "there is a file that is no socket")
        #expect(!Self.isFree(folder.address))
        #expect(unlink(folder.socketPath) == 0)
    }

    @Test func aSocketWithoutConnectionsIsSaid() throws {
        let folder = Folder()
        let other = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(other) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: folder.socketPath.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(other, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(Self.refusal(folder.address) == "there is a socket of another type")
        #expect(!Self.isFree(folder.address))
        #expect(folder.hasFile)
    }

    /// As a first run by root leaves it to a user who has no rights.
    @Test(.enabled(if: geteuid() == 0, "only root can be somebody else"))
    func aFileThatIsNotOursToTryIsSaid() async {
        await #expect(processExitsWith: .success) {
            let folder = Folder()
            try #require(chmod(folder.path, 0o777) == 0)
            let dead = try ListeningSocket.bind(folder.address, sharesPort: false, mode: 0o600)
            close(dead.descriptor)
            try #require(seteuid(64_123) == 0)
            let reason = Self.refusal(folder.address)
            try #require(seteuid(0) == 0)
            try #require(reason == "Permission denied")
        }
    }

    @Test func aFileThatHasTakenThePlaceStays() throws {
        let folder = Folder()
        let first = try ListeningSocket.bind(folder.address, sharesPort: false)
        unlink(folder.socketPath)
        let second = try ListeningSocket.bind(folder.address, sharesPort: false)
        first.close()
        #expect(folder.hasFile)
        second.close()
        #expect(!folder.hasFile)
    }

    @Test func anAdoptedSocketsFileIsNotOurs() throws {
        let folder = Folder()
        let bound = try ListeningSocket.bind(folder.address, sharesPort: false)
        let adopted = try ListeningSocket.adopt(bound.descriptor)
        #expect(adopted.address == folder.address)
        adopted.close()
        #expect(folder.hasFile)
    }

    @Test func aFolderThatDoesNotExistIsSaid() {
        let address = SocketAddress(unix: "/nonexistent/mailrace/socket")!
        do throws(ListeningSocket.Failure) {
            try ListeningSocket.bind(address, sharesPort: false).close()
            Issue.record("bound")
        } catch {
            #expect(!error.isAddressInUse)
            #expect(error.description == "unix:/nonexistent/mailrace/socket: No such file or directory")
        }
        #expect(Self.isFree(address))
    }

    /// One socket, accepted from by two shards at once.
    @Test func shardsShareASocket() async throws {
        let folder = Folder()
        let socket = try ListeningSocket.bind(folder.address, sharesPort: true)
        try await withShard { first in
            let accepted = Countdown(8)
            let ring = first.ring
            let acceptors = (0..<2).map { _ in
                Acceptor(
                    ring, socket,
                    accepted: { descriptor in
                        close(descriptor)
                        accepted.arrive()
                    }, paused: { _ in })
            }
            for acceptor in acceptors { acceptor.start() }
            for _ in 0..<8 { close(dial(socket.address)) }
            await accepted.wait()
            for acceptor in acceptors { await acceptor.stop() }
        }
        socket.close()
    }

    /// How a connection attempt fails; `nil` where it does not.
    private static func attempt(
        _ ring: Ring, _ address: SocketAddress, from source: SocketAddress? = nil, deadline: Instant = .never
    ) async -> StreamError? {
        await failure { () async throws(StreamError) in
            await (try ring.connect(to: address, from: source, deadline: deadline)).close()
        }
    }

    @Test func nobodyThereIsTheKernelsError() async throws {
        let folder = Folder()
        let address = folder.address
        let dead = try ListeningSocket.bind(address, sharesPort: false)
        linux_close(dead.descriptor)
        try await withShard { shard in
            #expect(await Self.attempt(shard.ring, address) == .system(ECONNREFUSED))
            #expect(await Self.attempt(shard.ring, Self.abstract()) == .system(ECONNREFUSED))
            #expect(
                await Self.attempt(shard.ring, SocketAddress(unix: "/nonexistent/socket")!) == .system(ENOENT))
            #expect(await Self.attempt(shard.ring, address, deadline: shard.ring.now) == .timedOut)
        }
    }

    /// The listener's queue is full: waits for room, without a worker thread of the kernel's, until the deadline.
    @Test func aFullQueueIsWaitedFor() async throws {
        let address = Self.abstract()
        let listener = linux_stream_socket(Int32(LINUX_FAMILY_UNIX.rawValue))
        let raw = address.raw
        _ = withUnsafeBytes(of: raw) {
            bind(listener, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), raw.length)
        }
        #expect(listen(listener, 0) == 0)
        let filler = dial(address)
        try await withShard { shard in
            let ring = shard.ring
            #expect(await Self.attempt(ring, address, deadline: ring.now + .milliseconds(50)) == .timedOut)
            await together(
                shard,
                [
                    { #expect(await Self.attempt(ring, address, deadline: ring.now + .seconds(30)) == nil) },
                    {
                        await ring.nextTurn()
                        close(accept(listener, nil, nil))
                    },
                ])
        }
        close(filler)
        close(listener)
    }

    @Test func aSourceAddressIsConnectedFrom() async throws {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        defer { socket.close() }
        try await withShard { shard in
            let source = SocketAddress(octets: [127, 0, 0, 5], port: 0)
            guard let stream = try? await shard.ring.connect(to: socket.address, from: source, deadline: .never) else {
                Issue.record("not connected")
                return
            }
            #expect(stream.localAddress?.octets == source.octets)
            let accepted = Stream(shard.ring, descriptor: accept(socket.descriptor, nil, nil))
            #expect(accepted.peerAddress == stream.localAddress)
            await stream.close()
            await accepted.close()
            let elsewhere = SocketAddress(octets: [192, 0, 2, 1], port: 0)
            #expect(await Self.attempt(shard.ring, socket.address, from: elsewhere) == .system(EADDRNOTAVAIL))
            let ipv6 = SocketAddress(octets: [UInt8](repeating: 0, count: 15) + [1], port: 0)
            #expect(await Self.attempt(shard.ring, ipv6, from: source) == .system(EINVAL))
        }
    }

    @Test func anIPv6SocketMayLeaveIPv4ToOthers() throws {
        let any = SocketAddress(octets: [UInt8](repeating: 0, count: 16), port: 0)
        let ipv4 = try ListeningSocket.bind(SocketAddress(octets: [0, 0, 0, 0], port: 0), sharesPort: false)
        defer { ipv4.close() }
        let same = SocketAddress(octets: any.octets, port: ipv4.address.port)
        #expect(Self.isInUse(same))
        #expect(!Self.isFree(same))
        #expect(Self.isFree(same, ipv6Only: true))
        try ListeningSocket.bind(same, sharesPort: false, ipv6Only: true).close()
    }
}
