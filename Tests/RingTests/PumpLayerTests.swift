import CLinux
import Testing

@testable import Ring

/// The pump between connections of which one or both have a record layer.
@Suite struct PumpLayerTests {
    enum Layers: CaseIterable { case downstream, upstream, both }

    /// Secures the streams of a rig on either side and gives the streams at the far ends.
    private static func secure(
        _ rig: PumpRig, _ layers: Layers, answerBytes: Int = 0, on shard: isolated Shard
    ) async -> (client: Stream, server: Stream) {
        let client = Stream(shard.ring, descriptor: rig.client.theirs)
        let server = Stream(shard.ring, descriptor: rig.server.theirs)
        await together(
            shard,
            [
                {
                    guard layers != .upstream else { return }
                    _ = await failure { () async throws(StreamError) in
                        try await rig.downstream.secure(with: ToyLayer(.server, answerBytes: answerBytes))
                    }
                },
                {
                    guard layers != .upstream else { return }
                    _ = await failure { () async throws(StreamError) in try await client.secure(with: ToyLayer(.client))
                    }
                },
                {
                    guard layers != .downstream else { return }
                    _ = await failure { () async throws(StreamError) in
                        try await rig.upstream.secure(with: ToyLayer(.client, key: 0x33, answerBytes: answerBytes))
                    }
                },
                {
                    guard layers != .downstream else { return }
                    _ = await failure { () async throws(StreamError) in
                        try await server.secure(with: ToyLayer(.server, key: 0x33))
                    }
                },
            ])
        return (client, server)
    }

    @Test(arguments: Layers.allCases)
    func largeMessagesBothWaysArriveUnchanged(_ layers: Layers) async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let (client, server) = await Self.secure(rig, layers, on: shard)
            let (request, answer) = (Pattern(seed: 31), Pattern(seed: 32))
            await together(
                shard,
                [
                    {
                        let outcome = await rig.run()
                        #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
                    },
                    { #expect(await request.send(1 << 20, by: client) == nil) },
                    { #expect(await answer.send(1 << 20, by: server) == nil) },
                    { #expect(await request.receive(by: server) == 1 << 20) },
                    { #expect(await answer.receive(by: client) == 1 << 20) },
                ])
            // The ends came as the layers' notices, not as bare FINs.
            #expect(client.inputEnd == .ended && server.inputEnd == .ended)
            #expect(rig.downstream.bytesReceived == 1 << 20 && rig.upstream.bytesSent == 1 << 20)
            await client.close()
            await server.close()
        }
    }

    @Test func aForgedRecordBreaksTheSideItCameFrom() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let (client, server) = await Self.secure(rig, .both, on: shard)
            let outcome = await rig.run(shard) { rig.client.say(ToyLayer.forgery) }
            #expect(outcome == .broken(.downstream, .insecure))
            // The alert went to the forger; the other side got no end in order.
            #expect(await client.readAll() == Array("alert".utf8))
            #expect(await server.readAll() == [])
            await client.close()
            await server.close()
        }
    }

    /// The forgery comes by a large receive while nothing else is in flight: the pump is over before that is done with.
    @Test func aForgeryBehindTheOtherEndInALargeReceiveBreaksTheSideItCameFrom() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let (client, server) = await Self.secure(rig, .downstream, on: shard)
            let outcome = await rig.run(shard) {
                _ = await failure { () async throws(StreamError) in try await server.finishSending() }
                #expect(await client.readAll() == [])
                rig.client.say(ToyLayer.records(String(repeating: "record", count: 4000)) + ToyLayer.forgery)
                _ = await server.readAll()
            }
            #expect(outcome == .broken(.downstream, .insecure))
            #expect(shard.ring.heldBytes == 0)
            await client.close()
            await server.close()
        }
    }

    /// Text, its answers and the end come in any piece size.
    @Test func recordsCutStrangelyAreTheSame() async throws {
        try await withShard(sizes: .receiveBuffers(4, bytes: 3)) { shard in
            let rig = PumpRig(shard.ring)
            let (client, server) = await Self.secure(rig, .downstream, answerBytes: 2, on: shard)
            await together(
                shard,
                [
                    { _ = await rig.run() },
                    {
                        for byte in ToyLayer.records(String(repeating: "record", count: 100)) + [0] {
                            rig.client.say([byte])
                            if byte % 5 == 0 { await Task.yield() }
                        }
                    },
                    {
                        #expect(await server.readAll() == Array(String(repeating: "record", count: 100).utf8))
                        _ = await failure { () async throws(StreamError) in try await server.finishSending() }
                    },
                    {
                        // One answer a record: 600 bytes are three records.
                        #expect(await client.readAll() == Array("AAAAAA".utf8))
                    },
                ])
            await client.close()
            await server.close()
        }
    }

    /// While a send to the client is blocked, the client goes on speaking: the layer's answers to it wait their turn
    /// behind what is being sent, and nothing is mixed up.
    @Test func answersWaitForABlockedSend() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring, client: Pair().narrow())
            let (client, server) = await Self.secure(rig, .downstream, answerBytes: 1, on: shard)
            let count = 256 << 10
            await together(
                shard,
                [
                    { _ = await rig.run() },
                    {
                        _ = await failure { () async throws(StreamError) in
                            try await server.write([UInt8](repeating: 0x78, count: count))
                        }
                    },
                    {
                        #expect(await shard.ring.eventually { shard.ring.heldBytes > 0 })
                        for _ in 0..<10 {
                            _ = await failure { () async throws(StreamError) in try await client.write([0x79]) }
                            await shard.ring.sleep(until: shard.ring.now)
                        }
                        #expect(await server.read(atLeast: 10) == "yyyyyyyyyy")
                        var seen: [UInt8] = []
                        while seen.count < count + 10, (try? await client.waitForInput()) != nil {
                            seen += client.takeInput(client.buffered)
                        }
                        #expect(seen.count == count + 10)
                        #expect(seen.count { $0 == 0x41 } == 10)
                        rig.pump.abort()
                    },
                ])
            await client.close()
            await server.close()
        }
    }

    /// A peer that makes the layer answer and takes none of the answers cannot make us hold them without end.
    @Test func answersThatNobodyTakesEndTheFlow() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let (client, server) = await Self.secure(rig, .downstream, answerBytes: 200, on: shard)
            let record = ToyLayer.records("x")
            await together(
                shard,
                [
                    { #expect(await rig.run() == .broken(.downstream, .insecure)) },
                    { while (try? await server.waitForInput()) != nil { server.dropInput(server.buffered) } },
                    {
                        client.layer = nil
                        let block = [UInt8]((0..<10_000).map { _ in record }.joined())
                        while await failure({ () async throws(StreamError) in try await client.write(block) }) == nil {}
                    },
                ])
            await client.close()
            await server.close()
        }
    }
}
