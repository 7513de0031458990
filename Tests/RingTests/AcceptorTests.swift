import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct AcceptorTests {
    /// An acceptor and what it has reported.
    private final class Door {
        let socket: ListeningSocket
        private(set) var acceptor: Acceptor!
        private(set) var descriptors: [Int32] = []
        private(set) var pauses: [Int32] = []

        init(_ ring: Ring, _ socket: ListeningSocket? = nil) {
            guard let socket = socket ?? (try? ListeningSocket.bind(.loopback(port: 0), sharesPort: false)) else {
                preconditionFailure("no listener")
            }
            self.socket = socket
            acceptor = Acceptor(
                ring, socket, accepted: { [unowned self] in descriptors.append($0) },
                paused: { [unowned self] in pauses.append($0) })
        }

        func closeAll() {
            for descriptor in descriptors { close(descriptor) }
            socket.close()
        }
    }

    @Test func acceptsManyConnections() async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            door.acceptor.start()
            let clients = (0..<200).map { _ in dial(door.socket.address) }
            #expect(await shard.ring.eventually { door.descriptors.count == clients.count })
            #expect(Set(door.descriptors).count == clients.count)
            #expect(door.pauses.isEmpty)
            await door.acceptor.stop()
            door.closeAll()
            for client in clients { close(client) }
        }
    }

    @Test func acceptedConnectionsAreReadyForSessions() async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            door.acceptor.start()
            let client = dial(door.socket.address)
            #expect(await shard.ring.eventually { !door.descriptors.isEmpty })
            let descriptor = door.descriptors[0]
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
            var noDelay: Int32 = 0
            var size = socklen_t(4)
            getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, &size)
            #expect(noDelay != 0)
            await door.acceptor.stop()
            door.closeAll()
            close(client)
        }
    }

    /// Whoever was accepted while we stopped is served; nobody is half accepted.
    @Test func stoppingWhileConnectionsArriveLosesNone() async throws {
        try await withShard { shard in
            for _ in 0..<20 {
                let door = Door(shard.ring)
                door.acceptor.start()
                await shard.ring.nextTurn()
                let clients = (0..<10).map { _ in dial(door.socket.address) }
                await door.acceptor.stop()
                let accepted = door.descriptors.count
                // The rest waits in the kernel's queue for the next acceptor.
                let next = Door(shard.ring, door.socket)
                next.acceptor.start()
                #expect(await shard.ring.eventually { accepted + next.descriptors.count == clients.count })
                #expect(door.descriptors.count == accepted)
                await next.acceptor.stop()
                for descriptor in door.descriptors { close(descriptor) }
                next.closeAll()
                for client in clients { close(client) }
            }
        }
    }

    @Test func stopsWithoutConnections() async throws {
        try await withShard { shard in
            let before = shard.ring.operationsInFlight
            let (door, unused) = (Door(shard.ring), Door(shard.ring))
            door.acceptor.start()
            await door.acceptor.stop()
            await unused.acceptor.stop()
            #expect(shard.ring.operationsInFlight == before)
            door.closeAll()
            unused.closeAll()
        }
    }

    /// The kernel is played: an acceptor that is told of exhaustion pauses once and starts again by itself.
    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func exhaustionPausesAndAcceptingResumes(errno: Int32) async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            let start = shard.ring.now
            door.acceptor.completed(SlotID(bits: 0), Completion(result: -errno))
            #expect(door.pauses == [errno])
            let client = dial(door.socket.address)
            #expect(await shard.ring.eventually { door.descriptors.count == 1 })
            #expect(shard.ring.now.nanoseconds(since: start) >= UInt64(Acceptor.pauseMilliseconds) * 1_000_000)
            #expect(door.pauses == [errno])
            await door.acceptor.stop()
            door.closeAll()
            close(client)
        }
    }

    @Test func stopsDuringAPause() async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            door.acceptor.completed(SlotID(bits: 0), Completion(result: -EMFILE))
            await door.acceptor.stop()
            #expect(shard.ring.timers.count == 0)
            door.closeAll()
        }
    }

    /// A connection that was gone before it was accepted is not worth a pause.
    @Test func anAbortedConnectionIsPassedOver() async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            door.acceptor.completed(SlotID(bits: 0), Completion(result: -ECONNABORTED))
            #expect(door.pauses.isEmpty)
            let client = dial(door.socket.address)
            #expect(await shard.ring.eventually { door.descriptors.count == 1 })
            await door.acceptor.stop()
            door.closeAll()
            close(client)
        }
    }

    /// What fails at once and every time must not keep the shard busy.
    @Test func aSocketThatCannotAcceptDoesNotSpin() async throws {
        try await withShard { shard in
            let door = Door(shard.ring)
            shutdown(door.socket.descriptor, Int32(SHUT_RDWR))
            let turns = shard.ring.statistics.turns
            door.acceptor.start()
            await shard.ring.sleep(until: shard.ring.now + .milliseconds(150))
            #expect(shard.ring.statistics.turns - turns < 30)
            #expect(door.pauses.first == EINVAL)
            await door.acceptor.stop()
            door.closeAll()
        }
    }

    /// Service managers may hand sockets over that do not block; the ring would be told EAGAIN at every try.
    @Test func aHandedInSocketThatDoesNotBlockWorks() async throws {
        try await withShard { shard in
            guard let bound = try? ListeningSocket.bind(.loopback(port: 0), sharesPort: false) else { return }
            _ = fcntl(bound.descriptor, F_SETFL, O_NONBLOCK)
            guard let adopted = try? ListeningSocket.adopt(bound.descriptor) else {
                Issue.record("not adopted")
                return
            }
            #expect(adopted.address == bound.address)
            let door = Door(shard.ring, adopted)
            let turns = shard.ring.statistics.turns
            door.acceptor.start()
            await shard.ring.sleep(until: shard.ring.now + .milliseconds(150))
            #expect(shard.ring.statistics.turns - turns < 30)
            let client = dial(adopted.address)
            #expect(await shard.ring.eventually { door.descriptors.count == 1 })
            #expect(door.pauses.isEmpty)
            await door.acceptor.stop()
            door.closeAll()
            close(client)
        }
    }

    @Test func onlyListeningStreamSocketsAreAdopted() throws {
        let pair = Pair.tcp()
        #expect(throws: ListeningSocket.Failure.self) { try ListeningSocket.adopt(pair.ours) }
        #expect(throws: ListeningSocket.Failure.self) { try ListeningSocket.adopt(9_999) }
        close(pair.ours)
        pair.hangUp()
    }

    @Test func twoShardsShareAHandedInSocket() async throws {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        let shards = try (0..<2).map { try Shard(number: $0, allowing: allowedFeatures) }
        let threads = shards.map { $0.start() }
        let tally = Tally()
        for shard in shards {
            await shard.perform { shard in
                let acceptor = Acceptor(shard.ring, socket, accepted: { tally.add($0) }, paused: { _ in })
                acceptor.start()
                shard.spawn {
                    _ = await shard.ring.eventually { tally.descriptors.count == 100 }
                    await acceptor.stop()
                }
            }
        }
        let clients = (0..<100).map { _ in dial(socket.address) }
        for shard in shards {
            await shard.perform { shard in _ = await shard.ring.eventually { shard.liveTasks == 0 } }
            await shard.stop()
        }
        for thread in threads { thread.join() }
        #expect(Set(tally.descriptors).count == 100)
        for descriptor in tally.descriptors + clients { close(descriptor) }
        socket.close()
    }

    /// Descriptors that several shards have accepted.
    private final class Tally: Sendable {
        private let list = Locked<[Int32]>([])
        var descriptors: [Int32] { list.withLock { $0 } }
        func add(_ descriptor: Int32) { list.withLock { $0.append(descriptor) } }
    }

    /// A process without descriptors: its sessions live on, newcomers wait, and are served when there is room again.
    @Test func aProcessWithoutDescriptorsGoesOn() async {
        await #expect(processExitsWith: .success) {
            try await withShard { shard in
                let door = Door(shard.ring)
                door.acceptor.start()
                let sessionClient = dial(door.socket.address)
                _ = await shard.ring.eventually { door.descriptors.count == 1 }
                // The kernel keeps the limit that held when accepting began.
                await door.acceptor.stop()
                let session = Stream(shard.ring, descriptor: door.descriptors[0])
                let clients = (0..<5).map { _ in linux_stream_socket(Int32(LINUX_FAMILY_IPV4.rawValue)) }
                let spares = (0..<5).map { _ in dup(sessionClient) }
                var limit = rlimit(rlim_cur: 1, rlim_max: rlim_t(spares[4] + 1))
                precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
                let full = Door(shard.ring, door.socket)
                full.acceptor.start()
                let raw = door.socket.address.raw
                for client in clients {
                    let result = withUnsafeBytes(of: raw) {
                        connect(client, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), raw.length)
                    }
                    precondition(result == 0)
                }
                let paused = await shard.ring.eventually { !full.pauses.isEmpty }
                precondition(paused && full.pauses[0] == EMFILE, "\(full.pauses)")
                precondition(full.descriptors.isEmpty)
                _ = "alive".withCString { write(sessionClient, $0, 5) }
                let heard = await session.read(atLeast: 5)
                precondition(heard == "alive")
                limit.rlim_cur = limit.rlim_max
                precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
                for spare in spares { close(spare) }
                let resumed = await shard.ring.eventually { full.descriptors.count == clients.count }
                precondition(resumed, "\(full.descriptors.count)")
                await full.acceptor.stop()
                await session.close()
            }
        }
    }
}
