import Testing

@testable import Ring

/// What a stream holds unread when a pump takes it over.
@Suite struct PumpUnreadTests {
    @Test func itIsPassedOnAndCounted() async throws {
        try await withShard { shard in
            let rig = PumpRig(shard.ring)
            rig.client.say("before ")
            try? await rig.downstream.waitForInput()
            let outcome = await rig.run(shard) {
                rig.client.say("after")
                rig.client.finish()
                var heard = ""
                while heard.utf8.count < 12 { heard += await rig.server.hears(shard.ring) }
                #expect(heard == "before after")
                rig.server.finish()
            }
            #expect(outcome == .finished(first: .downstream))
            #expect(rig.downstream.bytesReceived == 12 && rig.upstream.bytesSent == 12)
            rig.hangUp()
        }
    }
}
