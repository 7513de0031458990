import CLinux
import Testing

@testable import Ring

/// Securing a stream in place, with the toy layer.
@Suite struct StreamSecuringTests {
    @Test func bothEndsTalkThroughTheLayer() async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let (client, server) = (
                Stream(shard.ring, descriptor: pair.theirs), Stream(shard.ring, descriptor: pair.ours)
            )
            let message = Pattern(seed: 21)
            await together(
                shard,
                [
                    {
                        #expect(
                            await failure { () async throws(StreamError) in
                                try await client.secure(with: ToyLayer(.client))
                            } == nil)
                        #expect(await message.send(1 << 20, by: client) == nil)
                    },
                    {
                        #expect(
                            await failure { () async throws(StreamError) in
                                try await server.secure(with: ToyLayer(.server))
                            } == nil)
                        #expect(await message.receive(by: server) == 1 << 20)
                        #expect(server.inputEnd == .ended)
                        #expect(
                            await failure { () async throws(StreamError) in try await server.write([1, 2]) } == nil)
                        #expect(
                            await failure { () async throws(StreamError) in try await server.finishSending() } == nil)
                    },
                ])
            #expect(await client.readAll() == [1, 2])
            #expect(client.bytesSent == 1 << 20 && server.bytesReceived == 1 << 20)
            await client.close()
            await server.close()
        }
    }

    /// Handshake, text and notice in one stream of bytes, cut anywhere.
    @Test func everySplitOfTheRecordsIsTheSame() async throws {
        let bytes = ToyLayer.records("hi") + ToyLayer.records("one") + ToyLayer.records("two") + [0]
        try await withShard { shard in
            for split in 0...bytes.count {
                let pair = Pair()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                await together(
                    shard,
                    [
                        {
                            let error = await failure { () async throws(StreamError) in
                                try await stream.secure(with: ToyLayer(.server))
                            }
                            #expect(error == nil)
                            #expect(await stream.readAll() == Array("onetwo".utf8))
                            #expect(stream.inputEnd == .ended)
                        },
                        {
                            await shard.ring.nextTurn()
                            if split > 0 { pair.say(Array(bytes[..<split])) }
                            await shard.ring.nextTurn()
                            if split < bytes.count { pair.say(Array(bytes[split...])) }
                        },
                    ])
                #expect(pair.hear() == String(decoding: ToyLayer.records("hi"), as: UTF8.self))
                await stream.close()
                pair.hangUp()
            }
        }
    }

    enum Trouble: CaseIterable { case forged, ended, reset, silence, halfRecord }

    @Test(arguments: Trouble.allCases)
    func aFailedHandshakeThrows(_ trouble: Trouble) async throws {
        try await withShard { shard in
            let pair = Pair.tcp()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            switch trouble {
            case .forged: pair.say(ToyLayer.forgery)
            case .ended: pair.finish()
            case .reset: pair.reset()
            case .silence: break
            case .halfRecord: pair.say([9, 1, 2])
            }
            stream.deadline =
                shard.ring.now + .milliseconds(trouble == .silence || trouble == .halfRecord ? 40 : 10_000)
            let error = await failure { () async throws(StreamError) in try await stream.secure(with: ToyLayer(.server))
            }
            switch trouble {
            case .forged:
                #expect(error == .insecure)
                #expect(ToyLayer.text(Array(pair.hear().utf8)) == Array("alert".utf8))
            case .ended: #expect(error == .ended)
            case .reset: #expect(error == .reset)
            case .silence, .halfRecord: #expect(error == .timedOut)
            }
            await stream.close()
            if trouble != .reset { pair.hangUp() }
        }
    }

    /// What came before the layer did may be records already: a relay in front sends what it has in one piece.
    @Test func unreadBytesMayBelongToTheLayer() async throws {
        let bytes = ToyLayer.records("hi") + ToyLayer.records("one")
        try await withShard { shard in
            for split in 1...bytes.count {
                let pair = Pair()
                let stream = Stream(shard.ring, descriptor: pair.ours)
                pair.say(Array("line".utf8) + bytes[..<split])
                #expect((try? await stream.waitForInput()) != nil)
                #expect(stream.takeInput(4) == Array("line".utf8))
                if split < bytes.count { pair.say(Array(bytes[split...])) }
                #expect((try? await stream.secure(with: ToyLayer(.server), takesUnread: true)) != nil)
                while stream.buffered < 3, (try? await stream.waitForInput()) != nil {}
                #expect(stream.takeInput(stream.buffered) == Array("one".utf8))
                #expect(stream.bytesReceived == 7)
                await stream.close()
                pair.hangUp()
            }
        }
    }

    @Test func whatComesAfterReceivingWasStoppedIsRecords() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            await stream.stopReceiving()
            // As a wait for another stream's input leaves it.
            stream.armReceive()
            await stream.stopReceiving()
            pair.say(ToyLayer.records("hi") + ToyLayer.records("one"))
            await shard.ring.nextTurn()
            #expect(stream.buffered == 0)
            let error = await failure { () async throws(StreamError) in try await stream.secure(with: ToyLayer(.server))
            }
            #expect(error == nil)
            #expect(stream.takeInput(stream.buffered) == Array("one".utf8))
            await stream.close()
            pair.hangUp()
        }
    }

    @Test func whatCameBeforeReceivingWasStoppedIsUnread() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(Array("early".utf8))
            stream.armReceive()
            await stream.stopReceiving()
            #expect(stream.takeInput(stream.buffered) == Array("early".utf8))
            await stream.close()
            pair.hangUp()
        }
    }

    @Test func aForgedRecordEndsTheInputAndTheAlertGoesOut() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(ToyLayer.records("hi"))
            #expect(
                await failure { () async throws(StreamError) in try await stream.secure(with: ToyLayer(.server)) }
                    == nil)
            _ = pair.hear()
            pair.say(ToyLayer.records("good") + ToyLayer.forgery + ToyLayer.records("bad"))
            #expect(await stream.readAll() == Array("good".utf8))
            #expect(stream.inputEnd == .insecure)
            #expect(ToyLayer.text(Array(pair.hear().utf8)) == Array("alert".utf8))
            await stream.close()
            pair.hangUp()
        }
    }

    /// What cannot be protected is not sent, and the writer hears of it.
    @Test func aLayerThatCannotSealFailsTheWrite() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let layer = ToyLayer(.server)
            pair.say(ToyLayer.records("hi"))
            #expect(await failure { () async throws(StreamError) in try await stream.secure(with: layer) } == nil)
            _ = pair.hear()
            layer.sealLimitBytes = 3
            #expect(
                await failure { () async throws(StreamError) in try await stream.write([1, 2, 3, 4]) } == .insecure)
            #expect(pair.waiting == 0)
            await stream.close()
            pair.hangUp()
        }
    }

    @Test func answersOfTheLayerGoOutWhileTheReaderWaits() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say(ToyLayer.records("hi"))
            #expect(
                await failure { () async throws(StreamError) in
                    try await stream.secure(with: ToyLayer(.server, answerBytes: 5))
                } == nil)
            _ = pair.hear()
            pair.say(ToyLayer.records("key update, please"))
            #expect(await stream.read() == "key update, please")
            #expect(ToyLayer.text(Array(pair.hear().utf8)) == Array("AAAAA".utf8))
            await stream.close()
            pair.hangUp()
        }
    }

    /// Nobody writes to a stream that is only listened to: its answers would pile up.
    @Test func whoAsksWithoutEndIsGivenUp() async throws {
        try await withShard { shard in
            let (pair, otherPair) = (Pair(), Pair())
            let (stream, other) = (
                Stream(shard.ring, descriptor: pair.ours), Stream(shard.ring, descriptor: otherPair.ours)
            )
            pair.say(ToyLayer.records("hi"))
            let layer = ToyLayer(.server, answerBytes: 200)
            #expect(await failure { () async throws(StreamError) in try await stream.secure(with: layer) } == nil)
            var asked = 0
            while stream.inputEnd == nil, asked < 1_000 {
                pair.say(ToyLayer.records("again"))
                asked += 1
                stream.dropInput(stream.buffered)
                do throws(StreamError) { try await other.waitForInput(orOf: stream) } catch {
                    Issue.record(error)
                }
            }
            #expect(stream.inputEnd == .reset)
            #expect(asked > 300, "64 KiB may wait")
            await stream.close()
            await other.close()
            pair.hangUp()
            otherPair.hangUp()
        }
    }
}
