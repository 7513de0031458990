import CLinux
import Testing

@testable import Ring

/// `waitForInput(orOf:)`: one task, two peers.
@Suite struct TwoStreamWaitTests {
    enum Event: CaseIterable { case data, end, reset }

    private static func cause(_ event: Event, at pair: Pair) {
        switch event {
        case .data: pair.say("x")
        case .end: pair.finish()
        case .reset: pair.reset()
        }
    }

    private static func expect(_ event: Event, at stream: Stream) {
        #expect(stream.hasInput)
        switch event {
        case .data: #expect(stream.buffered == 1 && stream.inputEnd == nil)
        case .end: #expect(stream.inputEnd == .ended)
        case .reset: #expect(stream.inputEnd == .reset)
        }
    }

    @Test(arguments: Event.allCases, [true, false])
    func eitherSideEndsTheWait(event: Event, ours: Bool) async throws {
        try await withShard { shard in
            let (left, right) = (Pair.tcp(), Pair.tcp())
            let stream = Stream(shard.ring, descriptor: left.ours)
            let other = Stream(shard.ring, descriptor: right.ours)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.waitForInput(orOf: other) }
                                == nil)
                        Self.expect(event, at: ours ? stream : other)
                        #expect(!(ours ? other : stream).hasInput)
                        #expect(other.observer == nil && stream.observer == nil)
                    },
                    {
                        await shard.ring.nextTurn()
                        Self.cause(event, at: ours ? left : right)
                    },
                ])
            await stream.close()
            await other.close()
            for (pair, isOurs) in [(left, true), (right, false)] where event != .reset || isOurs != ours {
                pair.hangUp()
            }
        }
    }

    @Test func theDeadlineIsOurs() async throws {
        try await withShard { shard in
            let (left, right) = (Pair(), Pair())
            let stream = Stream(shard.ring, descriptor: left.ours)
            let other = Stream(shard.ring, descriptor: right.ours)
            other.deadline = shard.ring.now  // Not looked at.
            stream.deadline = shard.ring.now + .milliseconds(60)
            #expect(
                await failure { () async throws(StreamError) in try await stream.waitForInput(orOf: other) }
                    == .timedOut)
            #expect(shard.ring.now >= stream.deadline)
            #expect(other.observer == nil)
            await stream.close()
            await other.close()
            left.hangUp()
            right.hangUp()
        }
    }

    @Test func anInterruptionOfTheOtherIsNotOurs() async throws {
        try await withShard { shard in
            let (left, right) = (Pair(), Pair())
            let stream = Stream(shard.ring, descriptor: left.ours)
            let other = Stream(shard.ring, descriptor: right.ours)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.waitForInput(orOf: other) }
                                == nil)
                        #expect(other.buffered == 4)
                        #expect(
                            await failure { () async throws(StreamError) in try await stream.waitForInput(orOf: nil) }
                                == .interrupted)
                    },
                    {
                        await shard.ring.nextTurn()
                        other.interrupt()
                        await shard.ring.nextTurn()
                        right.say("late")
                        await shard.ring.sleep(until: shard.ring.now)
                        stream.interrupt()
                    },
                ])
            await stream.close()
            await other.close()
            left.hangUp()
            right.hangUp()
        }
    }

    /// What comes while nobody waits stays where the next look finds it.
    @Test func nothingIsLostBetweenTwoWaits() async throws {
        try await withShard { shard in
            let (left, right) = (Pair(), Pair())
            let stream = Stream(shard.ring, descriptor: left.ours)
            let other = Stream(shard.ring, descriptor: right.ours)
            left.say("a")
            try? await stream.waitForInput(orOf: other)
            #expect(stream.read == "a")
            right.say("b")
            #expect(await shard.ring.eventually { other.hasInput })
            #expect(other.read == "b")
            right.finish()
            #expect(await shard.ring.eventually { other.receiving == nil || other.inputEnd != nil })
            left.say("c")
            try? await stream.waitForInput(orOf: other)
            #expect(stream.hasInput || other.hasInput)
            await stream.close()
            await other.close()
            left.hangUp()
            right.hangUp()
        }
    }

    /// Both peers speak at any time; every byte is seen, whichever side it comes from.
    @Test func aStormFromBothSidesIsSeenCompletely() async throws {
        try await withShard { shard in
            let (left, right) = (Pair(), Pair())
            let stream = Stream(shard.ring, descriptor: left.ours)
            let other = Stream(shard.ring, descriptor: right.ours)
            var random = Random(seed: 7)
            let total = 2_000
            await together(
                shard,
                [
                    {
                        var seen = 0
                        stream.deadline = shard.ring.now + .seconds(120)
                        while seen < total {
                            if !stream.hasInput && !other.hasInput {
                                let error = await failure { () async throws(StreamError) in
                                    try await stream.waitForInput(orOf: other)
                                }
                                guard error == nil else {
                                    Issue.record("\(seen) of \(total) bytes, then \(String(describing: error))")
                                    return
                                }
                            }
                            seen += stream.buffered + other.buffered
                            stream.dropInput(stream.buffered)
                            other.dropInput(other.buffered)
                        }
                    },
                    {
                        for _ in 0..<total {
                            (Bool.random(using: &random) ? left : right).say("x")
                            if Int.random(in: 0..<4, using: &random) > 0 { await Task.yield() }
                        }
                    },
                ])
            await stream.close()
            await other.close()
            left.hangUp()
            right.hangUp()
        }
    }
}

extension Stream {
    /// The unread input, taken.
    fileprivate var read: String { String(decoding: takeInput(buffered), as: UTF8.self) }
}
