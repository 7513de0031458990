import CLinux
import Glibc
import Testing

@testable import Ring

/// Large flows between plain sockets, which go through pipes.
@Suite struct PumpSplicingTests {
    /// What a pump's observer is told.
    final class Observer: PumpObserver {
        var spliced = 0
        var held = 0

        func readingPaused(from side: Pump.Side, holding bytes: Int) { held += bytes }
        func readingResumed(from side: Pump.Side, releasing bytes: Int) { held -= bytes }
        func flushBegan() {}
        func flushEnded() {}
        func spliced(_ bytes: Int) { spliced += bytes }
    }

    /// Sends `up` and `down` bytes through a pump at the same time and compares them; bytes that were spliced.
    ///
    /// - Parameter endsEarly: each end says that it has sent all as soon as it has, and not when all have got all.
    private static func flow(
        _ shard: isolated Shard, up: Int, down: Int, client: Pair = .tcp(), server: Pair = .tcp(),
        endsEarly: Bool = false
    ) async -> Int {
        let observer = Observer()
        let rig = PumpRig(shard.ring, client: client, server: server, observer: observer)
        let (client, server) = (
            Stream(shard.ring, descriptor: client.theirs), Stream(shard.ring, descriptor: server.theirs)
        )
        let (request, answer) = (Pattern(seed: 11), Pattern(seed: 12))
        let exchange: nonisolated(nonsending) () async -> Void = {
            await together(
                shard,
                [
                    { #expect(await request.send(up, by: client, ends: endsEarly) == nil) },
                    { #expect(await answer.send(down, by: server, ends: endsEarly) == nil) },
                    { #expect(await request.receive(by: server, upTo: endsEarly ? .max : up) == up) },
                    { #expect(await answer.receive(by: client, upTo: endsEarly ? .max : down) == down) },
                ])
            guard !endsEarly else { return }
            #expect(await request.send(0, by: client) == nil)
            #expect(await answer.send(0, by: server) == nil)
        }
        let outcome = await rig.run(shard, exchange)
        #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
        #expect(rig.upstream.bytesSent == up && rig.downstream.bytesSent == down)
        #expect(rig.downstream.bytesReceived == up && rig.upstream.bytesReceived == down)
        #expect(observer.held == 0)
        await client.close()
        await server.close()
        return observer.spliced
    }

    @Test func largeFlowsBothWaysAtOnceAreSpliced() async throws {
        try await withShard { shard in
            let count = 48 << 20
            let spliced = await Self.flow(shard, up: count, down: count - 1)
            #expect(spliced > 2 * count / 10 * 9 && spliced < 2 * count, "\(spliced) of \(2 * count)")
        }
    }

    /// The ring's polls tell of an end when they are asked for something else.
    @Test func aReaderThatHasSentAllGetsTheRest() async throws {
        try await withShard { shard in
            _ = await Self.flow(shard, up: 16 << 20, down: 16 << 20, endsEarly: true)
            _ = await Self.flow(shard, up: 48 << 20, down: 0, endsEarly: true)
            _ = await Self.flow(shard, up: 0, down: 48 << 20, endsEarly: true)
        }
    }

    @Test func anySizeArrivesUnchanged() async throws {
        let threshold = SpliceGate.thresholdBytes
        try await withShard { shard in
            for size in [
                threshold - 1, threshold, threshold + 1, threshold + 8192, 2 * threshold + 1, 1_048_575, 1_048_577,
                5_000_003, 12_345_678,
            ] {
                _ = await Self.flow(shard, up: size, down: 1)
                _ = await Self.flow(shard, up: 0, down: size)
            }
        }
    }

    @Test(arguments: [true, false]) func unixSocketsCarryThemToo(clientIsLocal: Bool) async throws {
        try await withShard { shard in
            let count = 8 << 20
            _ = await Self.flow(
                shard, up: count, down: count + 1, client: clientIsLocal ? Pair() : .tcp(),
                server: clientIsLocal ? .tcp() : Pair())
            _ = await Self.flow(shard, up: count, down: count + 1, client: Pair(), server: Pair())
        }
    }

    @Test func nothingIsSplicedWithoutPipes() async throws {
        try await withShard(sizes: .pipes(0)) { shard in
            #expect(await Self.flow(shard, up: 8 << 20, down: 8 << 20) == 0)
        }
    }

    /// Many flows at the same time, and one pipe: those that find it lent are copied.
    @Test func flowsShareThePipesThereAre() async throws {
        try await withShard(sizes: .pipes(1)) { shard in
            let flow: nonisolated(nonsending) () async -> Void = {
                _ = await Self.flow(shard, up: 8 << 20, down: 1 << 20)
            }
            await together(shard, [flow, flow, flow, flow, flow, flow])
            #expect(shard.ring.pipes.open == 1)
        }
    }

    /// The only pipe is full and its reader takes nothing.
    @Test func aSlowReaderKeepsNoOtherFlowFromMoving() async throws {
        try await withShard(sizes: .pipes(1)) { shard in
            let slow = PumpRig(shard.ring)
            let outcome = await slow.run(shard) {
                #expect(
                    await shard.ring.eventually {
                        _ = PumpResetTests.fill(slow.client.theirs)
                        return shard.ring.pipes.lent == 1
                    })
                let held = shard.ring.heldBytes
                #expect(await Self.flow(shard, up: 8 << 20, down: 8 << 20) == 0)
                #expect(shard.ring.heldBytes == held)
                slow.pump.abort()
            }
            #expect(outcome == .aborted)
            #expect(shard.ring.pipes.open == 0)  // It held bytes that nobody may get.
            slow.hangUp()
        }
    }

    @Test func aFlowThatWaitsForItsSourceHasNoPipe() async throws {
        try await withShard { shard in
            let observer = Observer()
            let rig = PumpRig(shard.ring, observer: observer)
            let outcome = await rig.run(shard) {
                let block = [UInt8](repeating: 0x78, count: 1 << 16)
                for _ in 0..<32 {
                    rig.client.say(block)
                    var heard = 0
                    while heard < block.count { heard += await rig.server.hears(shard.ring).utf8.count }
                    #expect(shard.ring.pipes.lent == 0)
                }
                #expect(observer.spliced > 0)
                rig.client.finish()
                #expect(await rig.server.hears(shard.ring) == "")
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream))
            #expect(shard.ring.pipes.open == 1)
            rig.hangUp()
        }
    }

    /// A reply in small pieces after a large one is copied, and the next large one is spliced again.
    @Test func smallPiecesBetweenLargeOnesArriveInOrder() async throws {
        try await withShard { shard in
            let observer = Observer()
            let rig = PumpRig(shard.ring, observer: observer)
            let outcome = await rig.run(shard) {
                var splicedBefore = 0
                for round in 0..<3 {
                    let large = [UInt8](repeating: 0x61, count: 4 << 20)
                    let client = Stream(shard.ring, descriptor: dup(rig.client.theirs))
                    await together(
                        shard,
                        [
                            {
                                #expect(
                                    await failure { () async throws(StreamError) in try await client.write(large) }
                                        == nil)
                            },
                            {
                                var heard = 0
                                while heard < large.count { heard += await rig.server.hears(shard.ring).utf8.count }
                                #expect(heard == large.count)
                            },
                        ])
                    await client.close()
                    #expect(observer.spliced > splicedBefore)
                    splicedBefore = observer.spliced
                    for number in 0..<20 {
                        rig.client.say("\(round) \(number)")
                        #expect(await rig.server.hears(shard.ring) == "\(round) \(number)")
                    }
                }
                rig.client.finish()
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
            rig.hangUp()
        }
    }

    /// A splice stops in front of an urgent byte and does not get past it.
    @Test func anUrgentByteDoesNotHoldTheFlowUp() async throws {
        try await withShard { shard in
            let observer = Observer()
            let rig = PumpRig(shard.ring, observer: observer)
            let outcome = await rig.run(shard) {
                let block = [UInt8](repeating: 0x78, count: 1 << 16)
                for round in 0..<24 {
                    rig.client.say(block)
                    if round % 8 == 7 {
                        var urgent: UInt8 = 0x21
                        #expect(send(rig.client.theirs, &urgent, 1, Int32(MSG_OOB)) == 1)
                        rig.client.say(block)
                    }
                    var heard = 0
                    while heard < (round % 8 == 7 ? 2 : 1) * block.count {
                        heard += await rig.server.hears(shard.ring).utf8.count
                    }
                }
                #expect(observer.spliced > 0)
                #expect(shard.ring.statistics.turns < 20_000)
                rig.client.finish()
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
            rig.hangUp()
        }
    }
}
