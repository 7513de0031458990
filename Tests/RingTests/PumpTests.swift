import CLinux
import Glibc
import Testing

@testable import Ring

/// The pump between plain connections.
@Suite struct PumpTests {
    @Test func copiesBothWaysAndPassesTheEndsOn() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let outcome = await rig.run(shard) {
                rig.client.say("from the client")
                #expect(await rig.server.hears(shard.ring) == "from the client")
                rig.server.say("from the server")
                #expect(await rig.client.hears(shard.ring) == "from the server")
                rig.client.finish()
                #expect(await rig.server.hears(shard.ring) == "")
                rig.server.say("last words")
                rig.server.finish()
                #expect(await rig.client.hears(shard.ring) == "last words")
                #expect(await rig.client.hears(shard.ring) == "")
            }
            #expect(outcome == .finished(first: .downstream))
            #expect(rig.downstream.bytesReceived == 15 && rig.upstream.bytesSent == 15)
            #expect(rig.upstream.bytesReceived == 25 && rig.downstream.bytesSent == 25)
            rig.hangUp()
        }
    }

    @Test func theServerMayEndFirst() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let outcome = await rig.run(shard) {
                rig.server.say("bye")
                rig.server.finish()
                #expect(await rig.client.hears(shard.ring) == "bye")
                #expect(await rig.client.hears(shard.ring) == "")
                rig.client.say("bye yourself")
                rig.client.finish()
                #expect(await rig.server.hears(shard.ring) == "bye yourself")
            }
            #expect(outcome == .finished(first: .upstream))
            rig.hangUp()
        }
    }

    /// Last words that come with the end are no sign of a slow server.
    @Test func lastWordsWithTheEndAreNotFlushed() async throws {
        final class Observer: PumpObserver {
            var flushes = 0
            func readingPaused(from side: Pump.Side, holding bytes: Int) {}
            func readingResumed(from side: Pump.Side, releasing bytes: Int) {}
            func flushBegan() { flushes += 1 }
            func flushEnded() {}
            func spliced(_ bytes: Int) {}
        }
        try await withShard { shard in
            let observer = Observer()
            let rig = PumpRig(shard.ring, observer: observer)
            let outcome = await rig.run(shard) {
                rig.client.say("QUIT")
                rig.client.finish()
                #expect(await rig.server.hears(shard.ring) == "QUIT")
                #expect(await rig.server.hears(shard.ring) == "")
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream))
            #expect(observer.flushes == 0)
            rig.hangUp()
        }
    }

    @Test(arguments: [0, 1, 2, 3])
    func largeMessagesBothWaysAtOnceArriveUnchanged(buffers: Int) async throws {
        let sizes: [Ring.Sizes] = [
            Ring.Sizes(), .receiveBuffers(2, bytes: 1024), .receiveBuffers(4, bytes: 65_536),
            .receiveBuffers(16, bytes: 7),
        ]
        let count = buffers == 0 ? 32 << 20 : buffers == 3 ? 1 << 20 : 8 << 20
        try await withShard(sizes: sizes[buffers]) { shard in
            let rig = PumpRig(shard.ring)
            let client = Stream(shard.ring, descriptor: rig.client.theirs)
            let server = Stream(shard.ring, descriptor: rig.server.theirs)
            let (request, answer) = (Pattern(seed: 1), Pattern(seed: 2))
            await together(
                shard,
                [
                    {
                        let outcome = await rig.run()
                        #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
                    },
                    { #expect(await request.send(count, by: client) == nil) },
                    { #expect(await answer.send(count + 1, by: server) == nil) },
                    { #expect(await request.receive(by: server) == count) },
                    { #expect(await answer.receive(by: client) == count + 1) },
                ])
            #expect(rig.upstream.bytesSent == count && rig.downstream.bytesSent == count + 1)
            await client.close()
            await server.close()
        }
    }

    /// What a reader does not take is held within a limit, and the sender waits: what one pipe holds, or 128 KiB where
    /// nothing is spliced.
    @Test(arguments: [16, 0])
    func aSlowReaderHoldsTheSenderBack(pipes: Int) async throws {
        try await withShard(sizes: .pipes(pipes)) { shard in
            let rig = PumpRig(shard.ring)
            let client = Stream(shard.ring, descriptor: rig.client.theirs)
            let server = Stream(shard.ring, descriptor: rig.server.theirs)
            let message = Pattern(seed: 3)
            let count = 24 << 20
            await together(
                shard,
                [
                    { #expect(await rig.run() == .finished(first: .upstream)) },
                    { #expect(await message.send(count, by: client) == nil) },
                    {
                        #expect(await shard.ring.eventually { shard.ring.heldBytes > 0 })
                        // A thread that gets no time stands still for a moment, too.
                        var (last, looks, held): (UInt64, Int, Int) = (0, 0, 0)
                        #expect(
                            await shard.ring.eventually {
                                held = max(held, shard.ring.heldBytes)
                                let stands = rig.downstream.bytesReceived == last && shard.ring.buffers.held == 0
                                looks = stands ? looks + 1 : 0
                                last = rig.downstream.bytesReceived
                                return looks == 4
                            })
                        #expect(held <= (pipes > 0 ? PipePool.pipeBytes : 128 << 10))
                        #expect(rig.downstream.bytesReceived < count)
                        await together(
                            shard,
                            [
                                { #expect(await message.receive(by: server) == count) },
                                {
                                    #expect(
                                        await failure { () async throws(StreamError) in try await server.finishSending()
                                        } == nil)
                                },
                            ])
                        #expect(shard.ring.heldBytes == 0)
                    },
                ])
            await client.close()
            await server.close()
        }
    }

    /// A ring with two buffers, fifty flows whose readers take nothing, and one that goes on all the same.
    @Test func slowReadersDoNotStopAnActiveFlow() async throws {
        try await withShard(sizes: .receiveBuffers(2, bytes: 4096)) { shard in
            let slow = (0..<50).map { _ in PumpRig(shard.ring, client: .tcp().narrow(), server: .tcp().narrow()) }
            let active = PumpRig(shard.ring)
            let ended = Countdown(slow.count)
            for rig in slow {
                let client = Stream(shard.ring, descriptor: rig.client.theirs)
                shard.spawn { #expect(await rig.run() == .aborted) }
                shard.spawn {
                    _ = await failure { () async throws(StreamError) in
                        try await client.write([UInt8](repeating: 0x78, count: 1 << 20))
                    }
                    await client.close()
                    ended.arrive()
                }
            }
            #expect(await shard.ring.eventually { shard.ring.heldBytes >= 4096 * slow.count })
            let client = Stream(shard.ring, descriptor: active.client.theirs)
            let server = Stream(shard.ring, descriptor: active.server.theirs)
            let message = Pattern(seed: 4)
            await together(
                shard,
                [
                    { #expect(await active.run() == .finished(first: .downstream)) },
                    { #expect(await message.send(4 << 20, by: client) == nil) },
                    {
                        #expect(await message.receive(by: server) == 4 << 20)
                        _ = await failure { () async throws(StreamError) in try await server.finishSending() }
                    },
                ])
            #expect(shard.ring.buffers.held == 0)
            for rig in slow { rig.pump.abort() }
            await ended.wait()
            for rig in slow { rig.server.hangUp() }
            await client.close()
            await server.close()
        }
    }

    @Test(arguments: [true, false])
    func aResetOfEitherSideEndsIt(clientResets: Bool) async throws {
        try await withShard { shard in
            for sending in [true, false] {
                let rig = PumpRig(shard.ring)
                let outcome = await rig.run(shard) {
                    if sending { (clientResets ? rig.server : rig.client).say("x") }
                    await shard.ring.nextTurn()
                    (clientResets ? rig.client : rig.server).reset()
                }
                #expect(outcome == .broken(clientResets ? .downstream : .upstream, .reset))
                (clientResets ? rig.server : rig.client).hangUp()
            }
        }
    }

    @Test func aResetWhileASendIsBlockedEndsIt() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            let client = Stream(shard.ring, descriptor: rig.client.theirs)
            await together(
                shard,
                [
                    { #expect(await rig.run() == .broken(.upstream, .reset)) },
                    { _ = await Pattern(seed: 5).send(64 << 20, by: client) },
                    {
                        #expect(await shard.ring.eventually { shard.ring.heldBytes > 0 })
                        rig.server.reset()
                    },
                ])
            await client.close()
        }
    }

    @Test func theOverloadedShardEndsAFlow() async throws {
        let sizes = Ring.Sizes(
            submissions: 256, completions: 4096, receiveBuffers: 16, receiveBufferBytes: 8192, heldBytesLimit: 100_000)
        try await withShard(sizes: sizes) { shard in
            let flows = (0..<4).map { _ in PumpRig(shard.ring) }
            var outcomes: [Pump.Outcome] = []
            let ended = Countdown(flows.count)
            for rig in flows {
                let client = Stream(shard.ring, descriptor: rig.client.theirs)
                shard.spawn {
                    outcomes.append(await rig.run())
                    rig.server.hangUp()
                    ended.arrive()
                }
                shard.spawn {
                    _ = await Pattern(seed: 6).send(32 << 20, by: client)
                    await client.close()
                }
            }
            #expect(await shard.ring.eventually { outcomes.contains(.overloaded) })
            #expect(shard.ring.heldBytes <= 100_000)
            for rig in flows { rig.pump.abort() }
            await ended.wait()
            while shard.liveTasks > 0 { await shard.ring.sleep(until: shard.ring.now) }
            #expect(outcomes.count { $0 == .overloaded } < flows.count)
        }
    }
}

extension Pair {
    /// What comes to the far end, without blocking the shard; empty at the end of the direction.
    func hears(_ ring: Ring) async -> String {
        var byte: UInt8 = 0
        let look = Int32(LINUX_MSG_DONTWAIT.rawValue) | Int32(MSG_PEEK)
        guard await ring.eventually({ recv(theirs, &byte, 1, look) >= 0 || errno != EAGAIN }) else {
            return "(nothing)"
        }
        return hear()
    }
}
