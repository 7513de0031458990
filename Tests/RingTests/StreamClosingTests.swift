import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct StreamClosingTests {
    /// Without the lingering, the unread bytes would turn our close into a reset that overtakes the reply.
    @Test func lastWordsArriveAlthoughUnreadBytesWait() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n")
            #expect(await stream.read() != "")
            pair.say(String(repeating: "unread ", count: 1_000))
            stream.queue(Array("421 4.3.2 Closing\r\n".utf8))
            await together(
                shard,
                [
                    { await stream.closeGracefully(within: .seconds(10)) },
                    {
                        #expect(await shard.ring.eventually { pair.waiting > 0 })
                        pair.say("more that nobody reads")
                        #expect(pair.hear() == "421 4.3.2 Closing\r\n")
                        #expect(pair.hear() == "")
                        pair.hangUp()
                    },
                ])
        }
    }

    @Test func aStreamAtRestIsClosedWithoutWaiting() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            stream.deadline = shard.ring.now + .seconds(60)
            stream.closeAtRest()
            #expect(shard.ring.timers.count == 0)
            #expect(pair.hear() == "")
            await stream.close()
            pair.hangUp()
        }
    }

    /// Most streams wait under a pump, which has a timer of its own.
    @Test func aStreamHasATimerWhileItHasADeadline() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            #expect(shard.ring.timers.count == 0)
            for _ in 0..<2 {
                stream.deadline = shard.ring.now + .seconds(60)
                #expect(shard.ring.timers.count == 1)
                stream.deadline = .never
                #expect(shard.ring.timers.count == 0)
            }
            stream.deadline = shard.ring.now + .milliseconds(1)
            await #expect(throws: StreamError.timedOut) { try await stream.waitForInput() }
            await stream.close()
            stream.deadline = shard.ring.now
            #expect(shard.ring.timers.count == 0)
            pair.hangUp()
        }
    }

    /// A drain interrupts sessions; one that is saying goodbye must not lose its last words by that.
    @Test(arguments: [true, false])
    func anInterruptionDoesNotCutTheGoodbyeShort(before: Bool) async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say("unread")
            stream.queue(Array("421 4.3.2 Closing\r\n".utf8))
            if before { stream.interrupt() }
            await together(
                shard,
                [
                    { await stream.closeGracefully(within: .seconds(10)) },
                    {
                        #expect(await shard.ring.eventually { pair.waiting > 0 })
                        if !before { stream.interrupt() }
                        await shard.ring.sleep(until: shard.ring.now)
                        for _ in 0..<3 {
                            #expect(pair.say("unread as well"))
                            await shard.ring.sleep(until: shard.ring.now)
                        }
                        #expect(pair.hear() == "421 4.3.2 Closing\r\n")
                        #expect(pair.hear() == "")
                        pair.hangUp()
                    },
                ])
        }
    }

    @Test func patienceEnds() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let start = shard.ring.now
            await stream.closeGracefully(within: .milliseconds(50))
            let taken = shard.ring.now.nanoseconds(since: start)
            #expect(taken >= 50_000_000 && taken < 5_000_000_000)
            pair.hangUp()
        }
    }

    @Test func patienceEndsForAPeerThatDoesNotRead() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            stream.queue([UInt8](repeating: 0x78, count: 16 << 20))
            await stream.closeGracefully(within: .milliseconds(50))
            pair.hangUp()
        }
    }

    /// A peer that goes on sending without end cannot keep the connection.
    @Test func aTalkativePeerIsCutOff() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let peer = Stream(shard.ring, descriptor: pair.theirs)
            await together(
                shard,
                [
                    { await stream.closeGracefully(within: .seconds(60)) },
                    {
                        let error = await failure { () async throws(StreamError) in
                            while true { try await peer.write([UInt8](repeating: 0x78, count: 16_384)) }
                        }
                        #expect(error == .reset)
                        await peer.close()
                    },
                ])
        }
    }

    @Test func aClosedPeerEndsTheGoodbyeAtOnce() async throws {
        try await withShard { shard in
            for reset in [true, false] {
                let pair = Pair.tcp()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                stream.queue(Array("bye".utf8))
                if reset { pair.reset() } else { pair.hangUp() }
                await stream.closeGracefully(within: .seconds(600))
            }
        }
    }
}
