import CLinux
import Testing

@testable import Ring

/// The shard's receive buffers when there are hardly any.
@Suite struct ReceiveBuffersTests {
    @Test(arguments: [2, 16] as [UInt32], [16, 64] as [UInt32])
    func twoHundredStreamsShareAFewTinyBuffers(count: UInt32, bytes: UInt32) async throws {
        try await withShard(sizes: .receiveBuffers(count, bytes: bytes)) { shard in
            let pairs = (0..<200).map { _ in Pair() }
            let streams = pairs.map { Stream(shard.ring, descriptor: $0.ours) }
            let message = String(repeating: "0123456789", count: 50)
            let done = Countdown(streams.count)
            for stream in streams {
                shard.spawn {
                    #expect(await stream.read(atLeast: message.utf8.count) == message)
                    done.arrive()
                }
            }
            await shard.ring.nextTurn()
            #expect(shard.ring.buffers.held == 0)
            for pair in pairs { pair.say(message) }
            await done.wait()
            #expect(shard.ring.statistics.receiveBuffersExhausted > 0)
            #expect(shard.ring.buffers.held == 0)
            for (pair, stream) in zip(pairs, streams) {
                pair.hangUp()
                await stream.close()
            }
        }
    }

    /// More waiting streams than buffers: none of them holds one.
    @Test func anIdleStreamPinsNoBuffer() async throws {
        try await withShard(sizes: .receiveBuffers(2, bytes: 64)) { shard in
            let idle = (0..<20).map { _ in Pair() }
            let streams = idle.map { Stream(shard.ring, descriptor: $0.ours) }
            for stream in streams { stream.armReceive() }
            await shard.ring.nextTurn()
            let pair = Pair()
            let active = Stream(shard.ring, descriptor: pair.ours)
            for _ in 0..<100 {
                pair.say("x")
                #expect(await active.read() == "x")
            }
            #expect(shard.ring.statistics.receiveBuffersExhausted == 0)
            #expect(shard.ring.buffers.held == 0)
            pair.hangUp()
            await active.close()
            for (pair, stream) in zip(idle, streams) {
                pair.hangUp()
                await stream.close()
            }
        }
    }

    /// Unread input of a reader that does nothing is in memory of its own.
    @Test func anUnreadMessagePinsNoBuffer() async throws {
        try await withShard(sizes: .receiveBuffers(2, bytes: 64)) { shard in
            let pairs = (0..<8).map { _ in Pair() }
            let streams = pairs.map { Stream(shard.ring, descriptor: $0.ours) }
            for (pair, stream) in zip(pairs, streams) {
                pair.say("unread")
                try? await stream.waitForInput()
            }
            #expect(streams.allSatisfy { $0.buffered == 6 })
            #expect(shard.ring.buffers.held == 0)
            for (pair, stream) in zip(pairs, streams) {
                pair.hangUp()
                await stream.close()
            }
        }
    }
}
