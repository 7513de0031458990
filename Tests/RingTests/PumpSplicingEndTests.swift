import CLinux
import Glibc
import Testing

@testable import Ring

/// How a flow ends whose bytes are in a pipe.
@Suite struct PumpSplicingEndTests {
    /// Runs a pump whose reader takes nothing until a pipe is full of the client's bytes, or the server's; then `body`.
    /// Nothing may be left of it but the pipe that was thrown away.
    private static func blocked(
        _ limits: Pump.Limits = PumpRig.patient, fromClient: Bool = true,
        _ body: @escaping @Sendable (PumpRig, isolated Shard, Int) async -> Void
    ) async throws -> Pump.Outcome? {
        try await withShard { shard in
            let observer = PumpSplicingTests.Observer()
            let rig = PumpRig(shard.ring, limits: limits, observer: observer)
            let outcome = await rig.run(shard) {
                let end = fromClient ? rig.client.theirs : rig.server.theirs
                var sent = 0
                let isBlocked = await shard.ring.eventually {
                    sent += PumpResetTests.fill(end)
                    return shard.ring.pipes.lent == 1 && observer.held > 0
                }
                #expect(isBlocked && shard.ring.heldBytes > 0)
                await body(rig, shard, sent)
            }
            #expect(shard.ring.heldBytes == 0 && observer.held == 0)
            #expect(shard.ring.pipes.lent == 0)
            return outcome
        }
    }

    @Test func aResetOfTheClientEndsIt() async throws {
        let outcome = try await Self.blocked { rig, _, _ in
            rig.client.reset()
            rig.server.hangUp()
        }
        #expect(outcome == .broken(.downstream, .reset) || outcome == .broken(.upstream, .reset))
    }

    @Test func aResetOfTheClientIsNoticedThoughTheUpstreamDoesNotRead() async throws {
        let outcome = try await Self.blocked { rig, shard, _ in
            rig.client.reset()
            #expect(await shard.ring.eventually { rig.pump.outcome != nil })
            rig.server.hangUp()
        }
        #expect(outcome == .broken(.downstream, .reset))
    }

    @Test(arguments: [true, false]) func aResetOfTheReaderEndsIt(fromClient: Bool) async throws {
        let outcome = try await Self.blocked(fromClient: fromClient) { rig, _, _ in
            (fromClient ? rig.server : rig.client).reset()
        }
        #expect(outcome == .broken(fromClient ? .upstream : .downstream, .reset))
    }

    /// It closes with bytes unread, which resets the connection.
    @Test func aReaderThatClosesEndsIt() async throws {
        let outcome = try await Self.blocked { rig, _, _ in rig.server.hangUp() }
        #expect(outcome == .broken(.upstream, .reset))
    }

    @Test func theLimitsHold() async throws {
        let idle = Pump.Limits(idle: .milliseconds(500), halfClosedIdle: .milliseconds(500))
        let life = Pump.Limits(idle: .seconds(60), halfClosedIdle: .seconds(60), life: .seconds(2))
        for (limits, expected) in [(idle, Pump.Outcome.idle), (life, .expired)] {
            let outcome = try await Self.blocked(limits) { rig, shard, _ in
                #expect(await shard.ring.eventually { rig.pump.outcome != nil })
                rig.hangUp()
            }
            #expect(outcome == expected)
        }
    }

    /// The source ends while its last bytes are in the pipe: they arrive, and then the end.
    @Test func theEndComesAfterWhatIsInThePipe() async throws {
        for fromClient in [true, false] {
            let outcome = try await Self.blocked(fromClient: fromClient) { rig, shard, sent in
                let (from, to) = fromClient ? (rig.client, rig.server) : (rig.server, rig.client)
                from.finish()
                await shard.ring.nextTurn()
                #expect(await PumpResetTests.drain(shard.ring, to.theirs) == sent)
                #expect(shard.ring.pipes.lent == 0)
                to.finish()
                await shard.ring.nextTurn()
            }
            #expect(outcome == .finished(first: fromClient ? .downstream : .upstream))
        }
    }

    /// Broken in the middle of a flow, again and again, at whatever point it has come to.
    @Test func aFlowMayBreakAtAnyTime() async throws {
        try await withShard { shard in
            var random = Random(seed: 21)
            for round in 0..<40 {
                let rig = PumpRig(shard.ring)
                let client = Stream(shard.ring, descriptor: rig.client.theirs)
                let turns = Int(random.next() % 200)
                let outcome = await rig.run(shard) {
                    await together(
                        shard,
                        [
                            { _ = await Pattern(seed: 22).send(64 << 20, by: client) },
                            {
                                var block = [UInt8](repeating: 0, count: 1 << 18)
                                for _ in 0..<turns {
                                    recv(rig.server.theirs, &block, block.count, Int32(LINUX_MSG_DONTWAIT.rawValue))
                                    await shard.ring.nextTurn()
                                }
                                if round % 2 == 0 { rig.server.reset() } else { rig.pump.abort() }
                            },
                        ])
                }
                #expect(outcome == (round % 2 == 0 ? .broken(.upstream, .reset) : .aborted))
                await client.close()
                if round % 2 == 1 { rig.server.hangUp() }
            }
            #expect(shard.ring.heldBytes == 0)
            #expect(shard.ring.pipes.lent == 0)
        }
    }
}
