import CLinux
import Glibc
import Testing

@testable import Ring

/// A client that breaks while the upstream does not read, so that nothing is being received from it.
@Suite struct PumpResetTests {
    /// Says as much as is taken without waiting, and how much that was.
    static func fill(_ descriptor: Int32) -> Int {
        let block = [UInt8](repeating: 0x78, count: 65536)
        var sent = 0
        while true {
            let flags = Int32(LINUX_MSG_NOSIGNAL.rawValue | LINUX_MSG_DONTWAIT.rawValue)
            let taken = block.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
            guard taken > 0 else { return sent }
            sent += taken
        }
    }

    /// Fills the way from `descriptor` through the pump until the pump itself holds bytes.
    static func block(_ ring: Ring, _ descriptor: Int32) async -> Int {
        var sent = 0
        let isBlocked = await ring.eventually {
            sent += fill(descriptor)
            return ring.heldBytes > 0
        }
        #expect(isBlocked)
        await ring.nextTurn()
        return sent
    }

    /// Reads what waits at a far end, up to its end, without keeping the shard from its work.
    static func drain(_ ring: Ring, _ descriptor: Int32) async -> Int {
        var count = 0
        var block = [UInt8](repeating: 0, count: 1 << 18)
        while (try? await ring.poll(descriptor, for: .readable, deadline: ring.now + .seconds(20))) != nil {
            let taken = recv(descriptor, &block, block.count, Int32(LINUX_MSG_DONTWAIT.rawValue))
            if taken == 0 || (taken < 0 && errno != EAGAIN) { break }
            count += max(0, taken)
        }
        return count
    }

    @Test(arguments: [0, 1, 2])
    func aResetEndsItAtOnce(buffers: Int) async throws {
        let sizes: [Ring.Sizes] = [Ring.Sizes(), .receiveBuffers(2, bytes: 1024), .receiveBuffers(4, bytes: 65_536)]
        try await withShard(sizes: sizes[buffers]) { shard in
            let rig = PumpRig(shard.ring)
            let outcome = await rig.run(shard) {
                _ = await Self.block(shard.ring, rig.client.theirs)
                rig.client.reset()
            }
            #expect(outcome == .broken(.downstream, .reset))
            rig.server.hangUp()
        }
    }

    @Test(arguments: [true, false])
    func anEndIsNoReset(overTCP: Bool) async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring, client: overTCP ? .tcp() : Pair())
            let outcome = await rig.run(shard) {
                let sent = await Self.block(shard.ring, rig.client.theirs)
                if overTCP { rig.client.finish() } else { rig.client.hangUp() }
                await shard.ring.nextTurn()
                #expect(await Self.drain(shard.ring, rig.server.theirs) == sent)
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream))
            if overTCP { rig.client.hangUp() }
            rig.server.hangUp()
        }
    }

    /// With both directions over the connection counts as hung up; what it brought is still on its way.
    @Test func anEndOfBothDirectionsIsNoReset() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let outcome = await rig.run(shard) {
                rig.server.finish()
                #expect(await rig.client.hears(shard.ring) == "")
                let sent = await Self.block(shard.ring, rig.client.theirs)
                rig.client.finish()
                await shard.ring.nextTurn()
                #expect(await Self.drain(shard.ring, rig.server.theirs) == sent)
            }
            #expect(outcome == .finished(first: .upstream))
            rig.hangUp()
        }
    }

    /// What the upstream said before it broke reaches a client that is slow.
    @Test func aResetOfTheUpstreamLetsItsWordsThrough() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let outcome = await rig.run(shard) {
                _ = await Self.block(shard.ring, rig.server.theirs)
                rig.server.reset()
                await shard.ring.nextTurn()
                let received = await Self.drain(shard.ring, rig.client.theirs)
                #expect(UInt64(received) == rig.downstream.bytesSent)
            }
            #expect(outcome == .broken(.upstream, .reset))
            rig.client.hangUp()
        }
    }
}
