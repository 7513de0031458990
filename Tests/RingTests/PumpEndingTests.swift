import CLinux
import Testing

@testable import Ring

/// How a pump comes to its end other than by its peers, and how it begins.
@Suite struct PumpEndingTests {
    /// Bytes keep it alive past the limit; the silence after them does not.
    @Test func silenceEndsIt() async throws {
        let limit: UInt64 = 300_000_000
        try await withShard { shard in
            let ring = shard.ring
            let rig = PumpRig(ring, limits: .init(idle: .nanoseconds(Int64(limit)), halfClosedIdle: .seconds(60)))
            let start = ring.now
            var (spoken, longestGap) = (start, UInt64(0))
            let outcome = await rig.run(shard) {
                while ring.now.nanoseconds(since: start) < 2 * limit {
                    await ring.sleep(until: ring.now + .milliseconds(20))
                    longestGap = max(longestGap, ring.now.nanoseconds(since: spoken))
                    spoken = ring.now
                    rig.client.say("x")
                }
            }
            #expect(outcome == .idle)
            // On a machine so busy that the bytes themselves came too late there is nothing to see.
            if longestGap < limit / 2 { #expect(ring.now.nanoseconds(since: spoken) >= limit) }
            rig.hangUp()
        }
    }

    @Test func aHalfClosedConnectionIsGivenLessTime() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring, limits: .init(idle: .seconds(60), halfClosedIdle: .milliseconds(50)))
            let start = shard.ring.now
            let outcome = await rig.run(shard) { rig.client.finish() }
            let taken = shard.ring.now.nanoseconds(since: start)
            #expect(outcome == .idle)
            #expect(taken >= 50_000_000 && taken < 10_000_000_000)
            rig.hangUp()
        }
    }

    @Test func aReaderThatTakesNothingIsIdleToo() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring, limits: .init(idle: .milliseconds(80), halfClosedIdle: .seconds(60)))
            let client = Stream(shard.ring, descriptor: rig.client.theirs)
            await together(
                shard,
                [
                    { #expect(await rig.run() == .idle) },
                    { _ = await Pattern(seed: 8).send(64 << 20, by: client) },
                ])
            await client.close()
            rig.server.hangUp()
        }
    }

    enum Moment: CaseIterable { case beforeRun, atOnce, waiting, withDataInFlight, sending, halfClosed, twice }

    @Test(arguments: Moment.allCases, [true, false])
    func abortEndsItAtAnyMoment(_ moment: Moment, receivesHandedOver: Bool) async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring) { downstream, upstream in
                guard receivesHandedOver else { return }
                downstream.armReceive()
                upstream.armReceive()
            }
            if moment == .beforeRun { rig.pump.abort() }
            let outcome = await rig.run(shard) {
                switch moment {
                case .beforeRun: break
                case .atOnce: rig.pump.abort()
                case .waiting:
                    await shard.ring.nextTurn()
                    rig.pump.abort()
                case .withDataInFlight:
                    await shard.ring.nextTurn()
                    rig.client.say("must not be passed on")
                    rig.pump.abort()
                case .sending:
                    let client = Stream(shard.ring, descriptor: rig.client.theirs)
                    shard.spawn {
                        _ = await Pattern(seed: 9).send(64 << 20, by: client)
                        await client.close()
                    }
                    #expect(await shard.ring.eventually { shard.ring.heldBytes > 0 })
                    rig.pump.abort()
                case .halfClosed:
                    rig.client.finish()
                    #expect(await rig.server.hears(shard.ring) == "")
                    rig.pump.abort()
                case .twice:
                    rig.pump.abort()
                    rig.pump.abort()
                }
            }
            #expect(outcome == .aborted)
            if moment == .withDataInFlight { #expect(await rig.server.hears(shard.ring) == "") }
            if moment != .sending { rig.client.hangUp() }
            rig.server.hangUp()
        }
    }

    @Test func unreadInputAndReceivesInFlightAreTakenOver() async throws {
        try await withShard { shard in
            let (client, server) = (Pair.tcp(), Pair.tcp())
            let downstream = Stream(shard.ring, descriptor: client.ours)
            let upstream = Stream(shard.ring, descriptor: server.ours)
            client.say("unread ")
            try? await downstream.waitForInput()
            downstream.armReceive()
            upstream.armReceive()
            await shard.ring.nextTurn()
            let pump = Pump(downstream: downstream, upstream: upstream, limits: PumpRig.patient)
            await together(
                shard,
                [
                    {
                        // Both ends come in one turn: which of them is seen first is the kernel's affair.
                        let outcome = await pump.run()
                        #expect(outcome == .finished(first: .downstream) || outcome == .finished(first: .upstream))
                    },
                    {
                        client.say("and in flight")
                        client.finish()
                        server.say("answer")
                        server.finish()
                        #expect(await shard.ring.eventually { server.waiting >= 20 })
                        #expect(server.hear() == "unread and in flight")
                        #expect(await client.hears(shard.ring) == "answer")
                    },
                ])
            await downstream.close()
            await upstream.close()
            client.hangUp()
            server.hangUp()
        }
    }

    @Test func anEndThatCameBeforeIsPassedOn() async throws {
        try await withShard { shard in
            let (client, server) = (Pair.tcp(), Pair.tcp())
            let downstream = Stream(shard.ring, descriptor: client.ours)
            let upstream = Stream(shard.ring, descriptor: server.ours)
            client.say("all")
            client.finish()
            while downstream.inputEnd == nil { try? await downstream.waitForInput() }
            let pump = Pump(downstream: downstream, upstream: upstream, limits: PumpRig.patient)
            await together(
                shard,
                [
                    { #expect(await pump.run() == .finished(first: .downstream)) },
                    {
                        #expect(await server.hears(shard.ring) == "all")
                        #expect(await server.hears(shard.ring) == "")
                        server.finish()
                    },
                ])
            await downstream.close()
            await upstream.close()
            client.hangUp()
            server.hangUp()
        }
    }

    /// A connection that broke before is not an end in order: the other side must not take what it got for all.
    @Test(arguments: [true, false])
    func aBreakThatCameBeforeIsNoEnd(armedOther: Bool) async throws {
        try await withShard { shard in
            let (client, server) = (Pair.tcp(), Pair.tcp())
            let downstream = Stream(shard.ring, descriptor: client.ours)
            let upstream = Stream(shard.ring, descriptor: server.ours)
            if armedOther { upstream.armReceive() }
            client.reset()
            while downstream.inputEnd == nil { try? await downstream.waitForInput() }
            let pump = Pump(downstream: downstream, upstream: upstream, limits: PumpRig.patient)
            #expect(await pump.run() == .broken(.downstream, .reset))
            await downstream.close()
            await upstream.close()
            server.hangUp()
        }
    }
}
