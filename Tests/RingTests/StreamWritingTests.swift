import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct StreamWritingTests {
    @Test func aSlowPeerGetsEverything() async throws {
        var random = Random(seed: 1)
        let message = random.bytes(1 << 20)
        try await withShard { [message] shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let peer = Stream(shard.ring, descriptor: pair.theirs)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.write(message) } == nil)
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.finishSending() } == nil)
                    },
                    {
                        await shard.ring.nextTurn()
                        #expect(await peer.readAll() == message)
                    },
                ])
            await stream.close()
            await peer.close()
        }
    }

    @Test func aDeadlineEndsASendToAPeerThatDoesNotRead() async throws {
        try await withShard { shard in
            for pair in [Pair(), Pair.tcp()] {
                let stream = Stream(shard.ring, descriptor: pair.ours)
                let deadline = shard.ring.now + .milliseconds(30)
                stream.deadline = deadline
                let error = await failure { () async throws(StreamError) in
                    try await stream.write([UInt8](repeating: 0x78, count: 16 << 20))
                }
                #expect(error == .timedOut)
                #expect(shard.ring.now >= deadline)
                #expect(stream.sending == nil)
                await stream.close()
                pair.hangUp()
            }
        }
    }

    @Test func aResetEndsASend() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            await together(
                shard,
                [
                    {
                        let error = await failure { () async throws(StreamError) in
                            try await stream.write([UInt8](repeating: 0x78, count: 16 << 20))
                        }
                        #expect(error == .reset)
                    },
                    {
                        _ = await shard.ring.eventually { stream.sending != nil }
                        pair.reset()
                    },
                ])
            await stream.close()
        }
    }

    @Test func writingToAPeerThatIsGoneIsAReset() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.hangUp()
            #expect(await failure { () async throws(StreamError) in try await stream.write([1]) } == .reset)
            await stream.close()
        }
    }

    @Test func anInterruptionLeavesASendAlone() async throws {
        try await withShard { shard in
            let pair = Pair().narrow()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let peer = Stream(shard.ring, descriptor: pair.theirs)
            let message = [UInt8](repeating: 0x78, count: 1 << 20)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.write(message) } == nil)
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.waitForInput() }
                                == .interrupted)
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.finishSending() } == nil)
                    },
                    {
                        _ = await shard.ring.eventually { stream.sending != nil }
                        stream.interrupt()
                        #expect(await peer.readAll().count == message.count)
                    },
                ])
            await stream.close()
            await peer.close()
        }
    }

    @Test func halfCloseLeavesTheOtherDirectionOpen() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            stream.queue(Array("bye".utf8))
            #expect(await failure { () async throws(StreamError) in try await stream.finishSending() } == nil)
            #expect(pair.hear() == "bye")
            #expect(pair.hear() == "")
            pair.say("and you")
            #expect(await stream.read() == "and you")
            #expect(await failure { () async throws(StreamError) in try await stream.write([1]) } == .reset)
            await stream.close()
            pair.hangUp()
        }
    }
}
