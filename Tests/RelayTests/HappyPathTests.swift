import Glibc
import Relay
import Ring
import TLS
import Telemetry
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
                let versions = relay.counters.values(of: .downstreamTLSSessions)
                #expect(versions == (dialogue.client.protocolVersion.map { [$0: 1] } ?? [:]))
                #expect(record["upstream"] == "\(relay.server.address)")
                #expect(record["bytes_up"] == "\(dialogue.upstream.received.count)")
                #expect(record["bytes_down"] == "\(dialogue.client.received.count)")
                #expect(dialogue.client.wasNotified == (security != .plaintext))
            }
        }

        @Test func requiredTLSLetsTheClientThrough() throws {
            try withRelay(Setup(.require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnsweredAgain, .tls13)
                try dialogue.deliver(Array("text\r\n.\r\n".utf8))
                try dialogue.quit()
                #expect(try relay.record().end == "completed by upstream")
            }
        }

        @Test(arguments: Security.allCases) func carriesAnyByteBothWays(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .dataAnswered, security)
                var generator = SystemRandomNumberGenerator()
                let awkward: [UInt8] = [0, 10, 13, 255, 128, 46, 10, 46, 13, 0, 13, 10]
                let bytes = (0..<(1 << 20)).map { UInt8.random(in: 0...255, using: &generator) &+ UInt8($0 & 1) }
                let message = awkward + bytes + awkward

                let upward = dialogue.client.sendInBackground(message)
                try dialogue.upstream.expect(message)
                upward.join()
                let downward = dialogue.upstream.sendInBackground(message)
                try dialogue.client.expect(message)
                downward.join()

                let bothWays = [
                    dialogue.client.sendInBackground(message), dialogue.upstream.sendInBackground(message),
                ]
                try dialogue.upstream.expect(message)
                try dialogue.client.expect(message)
                for thread in bothWays { thread.join() }
                try dialogue.quit()
                #expect(try relay.record().end == "completed by upstream")
            }
        }

        @Test func eachDirectionEndsOnItsOwn() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered)
                try dialogue.client.send("QUIT\r\n")
                try dialogue.client.finish()
                try dialogue.upstream.expect("QUIT\r\n")
                try dialogue.upstream.expectEnd()
                try dialogue.answer("221 2.0.0 Bye, in your own time\r\n")
                try dialogue.upstream.finish()
                try dialogue.client.expectEnd()
                #expect(try relay.record().end == "completed by client")
            }
        }

        // MARK: HELO and no STARTTLS of ours

        @Test(arguments: [TunnelPolicy.off, .offer]) func heloHandsTheSessionOffAtOnce(_ policy: TunnelPolicy) throws {
            try withRelay(policy.setup) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange("helo client.example\r\n", "250 mx.example\r\n")
                try dialogue.deliver(Array("text\r\n.\r\n".utf8))
                try dialogue.quit()
                let record = try relay.record()
                #expect(record["greeting"] == "HELO")
                #expect(record.end == "completed by upstream")
            }
        }

        @Test(arguments: [Dialogue.ehloReply, Dialogue.ehloReplyWithoutTLS])
        func withoutSTARTTLSOfOursTheReplyIsNotEdited(_ reply: String) throws {
            try withRelay(Setup(.off)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange(Dialogue.ehlo, reply)
                try dialogue.exchange("EHLO again.example\r\n", reply)
                try dialogue.quit()
            }
        }

        @Test func clientAndUpstreamMayAgreeOnTLSEndToEnd() throws {
            try withRelay(Setup(.off)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.answer(Dialogue.ehloReply)
                try dialogue.exchange("STARTTLS\r\n", "220 the upstream's own\r\n")
                try dialogue.client.beginSecuring(TLSEngine(client: .only(.tls13)))
                try dialogue.upstream.beginSecuring(TLSEngine(server: TLSServerContext(.test)))
                let ends = [dialogue.client, dialogue.upstream]
                while ends.contains(where: { $0.protocolVersion == nil }) {
                    for end in ends where !end.isQuiet { _ = try end.receive() }
                    sched_yield()
                }
                try dialogue.exchange("EHLO inside\r\n", "250 mx.example\r\n")
                try dialogue.quit()
                let record = try relay.record()
                #expect(record.end == "completed by upstream")
                #expect(record["tls"] == nil)
            }
        }
    }
}

/// What a listener does about STARTTLS, as a test's argument.
enum TunnelPolicy: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case off, offer, require

    var setup: Setup {
        switch self {
        case .off: Setup(.off)
        case .offer: Setup(.offer)
        case .require: Setup(.require)
        }
    }

    var testDescription: String { rawValue }
}
