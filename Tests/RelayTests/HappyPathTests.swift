import TestSupport
import Testing

extension RelaySuites {
    /// What a session is for.
    @Suite struct HappyPathTests {
        @Test(arguments: Security.allCases) func deliversAMessage(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(
                    relay, upTo: security == .plaintext ? .ehloAnswered : .ehloAnsweredAgain, security)
                try dialogue.deliver(Array("Subject: x\r\n\r\ntext\r\n.\r\n".utf8))
                try dialogue.quit()
                let record = try relay.record()
                #expect(record.end == "completed by upstream")
                #expect(record.phase == "passthrough")
                #expect(record["greeting"] == "EHLO")
                #expect(record["tls"] == dialogue.client.protocolVersion)
                #expect(record["upstream"] == "\(relay.server.address)")
                #expect(record["bytes_up"] == "\(dialogue.upstream.received.count)")
                #expect(record["bytes_down"] == "\(dialogue.client.received.count)")
                #expect(dialogue.client.wasNotified == (security != .plaintext))
            }
        }
    }
}
