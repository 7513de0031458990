import Testing

@testable import Ring

/// Connections that nobody uses, and goodbyes that nobody waits for.
@Suite struct StreamListeningTests {
    private final class Ear {
        var times = 0
    }

    @Test func inputIsHeardOnceAndLeftToBeRead() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let ear = Ear()
            stream.listen { ear.times += 1 }
            await shard.ring.nextTurn()
            #expect(ear.times == 0)
            pair.say("421 bye")
            #expect(await shard.ring.eventually { ear.times == 1 })
            #expect(await stream.read() == "421 bye")
            pair.say(" and more")
            #expect(await stream.read() == " and more")
            #expect(ear.times == 1)
            await stream.close()
            pair.hangUp()
        }
    }

    @Test(arguments: [true, false]) func theEndIsHeard(isReset: Bool) async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let ear = Ear()
            stream.listen { ear.times += 1 }
            await shard.ring.nextTurn()
            if isReset { pair.reset() } else { pair.hangUp() }
            #expect(await shard.ring.eventually { ear.times == 1 })
            #expect(stream.hasInput)
            stream.closeAtRest()
        }
    }

    @Test func theDeadlineIsHeard() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let ear = Ear()
            stream.deadline = shard.ring.now + .milliseconds(1)
            stream.listen {
                ear.times += 1
                stream.hangUp(saying: Array("QUIT".utf8))
            }
            #expect(await shard.ring.eventually { ear.times == 1 })
            #expect(pair.hear() == "QUIT")
            pair.hangUp()
        }
    }

    @Test func whoStopsHearsNothing() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let ear = Ear()
            stream.listen { ear.times += 1 }
            await shard.ring.nextTurn()
            stream.stopListening()
            stream.deadline = shard.ring.now + .milliseconds(1)
            await #expect(throws: StreamError.timedOut) { try await stream.waitForInput() }
            stream.deadline = .never
            pair.say("250 ok")
            #expect(await stream.read() == "250 ok")
            #expect(ear.times == 0)
            stream.listen { ear.times += 1 }
            await stream.close()
            #expect(ear.times == 0)
            pair.hangUp()
        }
    }

    /// As a new ticket does: it is no input, and what comes behind it is heard all the same.
    @Test func whatTheRecordLayerKeepsIsNotHeard() async throws {
        let record = ToyLayer.records("421 bye")
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(ToyLayer.records("hi"))
            #expect(
                await failure { () async throws(StreamError) in try await stream.secure(with: ToyLayer(.server)) }
                    == nil)
            let ear = Ear()
            stream.listen { ear.times += 1 }
            pair.say(Array(record[..<4]))
            await shard.ring.sleep(until: shard.ring.now + .milliseconds(1))
            #expect(ear.times == 0)
            pair.say(Array(record[4...]))
            #expect(await shard.ring.eventually { ear.times == 1 })
            #expect(await stream.read() == "421 bye")
            await stream.close()
            pair.hangUp()
        }
    }

    /// What the layer would answer, nobody would send.
    @Test func anAnswerOfTheRecordLayerIsHeard() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(ToyLayer.records("hi"))
            #expect(
                await failure { () async throws(StreamError) in
                    try await stream.secure(with: ToyLayer(.server, answerBytes: 3))
                } == nil)
            let ear = Ear()
            stream.listen { ear.times += 1 }
            pair.say(ToyLayer.records("again"))
            #expect(await shard.ring.eventually { ear.times == 1 })
            await stream.close()
            pair.hangUp()
        }
    }

    @Test(arguments: [true, false]) func aGoodbyeThatNobodyWaitsFor(isListening: Bool) async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let operations = shard.ring.operationsInFlight
            do {
                let stream = Stream(shard.ring, descriptor: pair.ours)
                stream.deadline = shard.ring.now + .seconds(60)
                if isListening { stream.listen {} }
                stream.hangUp(saying: Array("QUIT\r\n".utf8))
            }
            #expect(pair.hear() == "QUIT\r\n")
            #expect(pair.hear() == "")
            #expect(await shard.ring.eventually { shard.ring.operationsInFlight == operations })
            pair.hangUp()
        }
    }

    @Test func aGoodbyeThroughTheRecordLayerHasItsNotice() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(ToyLayer.records("hi"))
            #expect(
                await failure { () async throws(StreamError) in try await stream.secure(with: ToyLayer(.server)) }
                    == nil)
            #expect(pair.hear() == String(decoding: ToyLayer.records("hi"), as: UTF8.self))
            stream.hangUp(saying: Array("QUIT".utf8))
            #expect(pair.hear() == String(decoding: ToyLayer.records("QUIT") + [0], as: UTF8.self))
            pair.hangUp()
        }
    }
}
