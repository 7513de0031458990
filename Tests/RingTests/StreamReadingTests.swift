import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct StreamReadingTests {
    @Test func readsWhatArrivesAndWritesWhatIsQueued() async throws {
        let pair = Pair()
        let heard = try await withShard { shard in
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say("hello")
            let heard = await stream.read()
            stream.queue(Array("two ".utf8))
            stream.queue(Array("pieces".utf8))
            try? await stream.flush()
            #expect(stream.bytesReceived == 5)
            #expect(stream.bytesSent == 10)
            await stream.close()
            return heard
        }
        #expect(heard == "hello")
        #expect(pair.hear() == "two pieces")
        #expect(pair.hear() == "")
        pair.hangUp()
    }

    /// The receive in flight would take it in with the next turn alone.
    @Test func whatHasComeIsKnownBeforeItIsReceived() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            stream.armReceive()
            await shard.ring.nextTurn()
            #expect(!stream.hasUnreceivedInput)
            pair.say("word")
            #expect(stream.hasUnreceivedInput)
            #expect(!stream.hasInput)
            #expect(await stream.read() == "word")
            #expect(!stream.hasUnreceivedInput)
            pair.hangUp()
            #expect(stream.hasUnreceivedInput)
            await stream.close()
        }
    }

    /// Where there is more than a receive brings, all of it, up to the limit; where there is not, nobody looks.
    @Test func moreIsReceivedAtOnceBehindAFullBuffer() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let full = shard.ring.buffers.bytesEach
            let bytes = (0..<5 * full).map { UInt8(truncatingIfNeeded: $0 / 7) }
            pair.say(bytes)
            try? await stream.waitForInput()
            #expect(stream.buffered == full)
            stream.receiveMore(upTo: 3 * full)
            #expect(stream.takeInput(stream.buffered) == Array(bytes[..<(3 * full)]))
            stream.receiveMore(upTo: 3 * full)
            #expect(stream.buffered == 0)
            try? await stream.waitForInput()
            stream.receiveMore(upTo: 3 * full)
            #expect(stream.takeInput(stream.buffered) == Array(bytes[(3 * full)...]))
            #expect(stream.bytesReceived == UInt64(bytes.count))
            #expect(stream.inputEnd == nil)
            pair.say(Array(bytes[..<full]))
            pair.hangUp()
            try? await stream.waitForInput()
            stream.receiveMore(upTo: 3 * full)
            #expect(stream.buffered == full)
            #expect(stream.inputEnd == .ended)
            await stream.close()
        }
    }

    @Test func everySplitOfTheInputIsOneInput() async throws {
        let text = "EHLO client.example\r\n"
        try await withShard { shard in
            for split in 0...text.utf8.count {
                let pair = Pair()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                await together(
                    shard,
                    [
                        { #expect(await stream.read(atLeast: text.utf8.count) == text) },
                        {
                            await shard.ring.nextTurn()
                            if split > 0 { pair.say(String(text.prefix(split))) }
                            await shard.ring.nextTurn()
                            if split < text.utf8.count { pair.say(String(text.dropFirst(split))) }
                        },
                    ])
                pair.hangUp()
                await stream.close()
            }
        }
    }

    @Test func theEndComesAfterTheLastBytes() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say("last")
            pair.finish()
            while stream.inputEnd == nil { try? await stream.waitForInput() }
            #expect(stream.hasInput)
            #expect(stream.takeInput(stream.buffered) == Array("last".utf8))
            #expect(await failure { () async throws(StreamError) in try await stream.waitForInput() } == .ended)
            // The other direction goes on.
            #expect(
                await failure { () async throws(StreamError) in try await stream.write(Array("still here".utf8)) }
                    == nil)
            #expect(pair.hear() == "still here")
            await stream.close()
            #expect(pair.hear() == "")
            pair.hangUp()
        }
    }

    @Test func aResetEndsAWait() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            await together(
                shard,
                [
                    {
                        let error = await failure { () async throws(StreamError) in
                            while true { try await stream.waitForInput() }
                        }
                        #expect(error == .reset)
                    },
                    {
                        await shard.ring.nextTurn()
                        pair.reset()
                    },
                ])
            await stream.close()
        }
    }

    @Test func aDeadlineEndsAWait() async throws {
        let pair = Pair()
        try await withShard { shard in
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let deadline = shard.ring.now + .milliseconds(30)
            stream.deadline = deadline
            #expect(await failure { () async throws(StreamError) in try await stream.waitForInput() } == .timedOut)
            #expect(shard.ring.now >= deadline)
            #expect(stream.receiving == nil)
            // It is a state: whatever comes next fails as well, until it is moved.
            #expect(await failure { () async throws(StreamError) in try await stream.waitForInput() } == .timedOut)
            #expect(await failure { () async throws(StreamError) in try await stream.write([1]) } == .timedOut)
            stream.deadline = .never
            pair.say("x")
            #expect(await stream.read() == "x")
            await stream.close()
        }
        pair.hangUp()
    }

    @Test func anInterruptionComesOnceAndTheStreamWorksOn() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.waitForInput() }
                                == .interrupted)
                        pair.say("on")
                        #expect(await stream.read() == "on")
                    },
                    {
                        await shard.ring.nextTurn()
                        stream.interrupt()
                    },
                ])
            // Where nobody waits, the next wait ends at once.
            stream.interrupt()
            #expect(await failure { () async throws(StreamError) in try await stream.waitForInput() } == .interrupted)
            await stream.close()
            pair.hangUp()
        }
    }

    /// Data and the request to end the wait meet in one turn: the bytes are read now or stay for later, never lost.
    @Test func arrivedBytesWinOverAnInterruption() async throws {
        try await withShard { shard in
            for round in 0..<200 {
                let pair = Pair()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                await together(
                    shard,
                    [
                        {
                            let error = await failure { () async throws(StreamError) in try await stream.waitForInput()
                            }
                            #expect(error == nil || error == .interrupted)
                            if error == nil {
                                #expect(
                                    await failure { () async throws(StreamError) in try await stream.waitForInput() }
                                        == .interrupted)
                            }
                            #expect(await stream.read() == "data")
                        },
                        {
                            await shard.ring.nextTurn()
                            if round.isMultiple(of: 2) { pair.say("data") }
                            stream.interrupt()
                            if !round.isMultiple(of: 2) { pair.say("data") }
                        },
                    ])
                await stream.close()
                pair.hangUp()
            }
            #expect(shard.ring.statistics.staleCompletions == 0)
        }
    }

    @Test func closingEndsAReceiveInFlight() async throws {
        try await withShard { shard in
            let before = shard.ring.operationsInFlight
            for _ in 0..<50 {
                let pair = Pair()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                stream.armReceive()
                await stream.close()
                #expect(pair.hear() == "")
                pair.hangUp()
            }
            #expect(shard.ring.operationsInFlight == before)
        }
    }

    @Test func closingTwiceClosesOnce() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            await stream.close()
            let next = Pair()  // Takes the number of the descriptor that has been closed.
            await stream.close()
            next.say("open")
            let other = Stream(shard.ring, descriptor: next.ours)
            #expect(await other.read() == "open")
            await other.close()
            next.hangUp()
            pair.hangUp()
        }
    }
}
