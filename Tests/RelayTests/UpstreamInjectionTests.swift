import Relay
import TLS
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// What is said in the clear while the upstream is being secured counts on no side.
    @Suite struct UpstreamInjectionTests {
        static let injected = "250-injected\r\n250 AUTH PLAIN\r\n"
        static let policies = [UpstreamSettings.TLSPolicy.required, .opportunistic, .mirror]

        /// A session whose upstream has been told STARTTLS, before any answer.
        private func asked(_ relay: TestRelay, _ policy: UpstreamSettings.TLSPolicy) throws -> Dialogue {
            guard policy == .mirror else {
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Dialogue.ehlo)
                try dialogue.upstream.offerTLS()
                return dialogue
            }
            let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
            try dialogue.client.send("STARTTLS\r\n")
            try dialogue.upstream.expect("STARTTLS\r\n")
            return dialogue
        }

        private func setup(_ policy: UpstreamSettings.TLSPolicy) -> Setup {
            .upstreamTLS(policy, policy == .mirror ? .offer : .off)
        }

        // MARK: The upstream's bytes

        @Test(arguments: policies, [injected, "2", "\r\n", "\0", "\u{16}\u{3}\u{3}"])
        func bytesBehindThe220EndTheSession(_ policy: UpstreamSettings.TLSPolicy, _ bytes: String) throws {
            try withRelay(setup(policy)) { relay in
                let dialogue = try asked(relay, policy)
                try dialogue.upstream.send(Dialogue.goAhead + bytes)
                try dialogue.isGivenUp()
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 0)
                #expect(try !relay.server.isCalled(withinMilliseconds: 0))
            }
        }

        @Test(arguments: policies) func bytesBeforeThe220AreTheAnswer(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(setup(policy)) { relay in
                let dialogue = try asked(relay, policy)
                try dialogue.upstream.send(Self.injected + Dialogue.goAhead)
                try dialogue.isGivenUp()
            }
        }

        @Test(arguments: policies) func bytesInTheNextSegmentAreNoHandshake(_ policy: UpstreamSettings.TLSPolicy) throws
        {
            try withRelay(setup(policy)) { relay in
                let dialogue = try asked(relay, policy)
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                try dialogue.upstream.send(Self.injected)
                try relay.isNotFooled(dialogue, policy)
            }
        }

        /// Behind the first half of the handshake, where the client's side of it has begun.
        @Test(arguments: policies) func bytesWithinTheHandshakeBreakIt(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(setup(policy)) { relay in
                let dialogue = try asked(relay, policy)
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                try dialogue.upstream.beginSecuring(TLSEngine(server: TLSServerContext(.upstream())))
                try dialogue.upstream.sendRaw(Array(Self.injected.utf8))
                _ = try? dialogue.upstream.receive()
                try relay.isNotFooled(dialogue, policy)
            }
        }

        /// Inside TLS a reply may come too early as well.
        @Test func bytesBeforeTheSecondEhloAreItsAnswer() throws {
            try withRelay(setup(.required)) { relay in
                let dialogue = try asked(relay, .required)
                try dialogue.upstream.takeTLS()
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.upstream.send("250 one\r\n250 two\r\n")
                try dialogue.isGivenUp()
            }
        }

        // MARK: The client's bytes

        @Test(arguments: [UpstreamSettings.TLSPolicy.required, .opportunistic], ["MAIL FROM:<>\r\n", "M", "\r\n"])
        func aClientThatDoesNotWaitIsNotHeard(_ policy: UpstreamSettings.TLSPolicy, _ bytes: String) throws {
            for isInHandshake in [false, true] {
                try withRelay(setup(policy)) { relay in
                    let dialogue = try asked(relay, policy)
                    if isInHandshake { try dialogue.upstream.send(Dialogue.goAhead) }
                    relay.settle()
                    try dialogue.client.send(bytes)
                    relay.settle()
                    if isInHandshake { try? dialogue.upstream.secureAsServer(TLSServerContext(.upstream())) }
                    try dialogue.client.expectEnd()
                    _ = try? dialogue.upstream.readToEnd()
                    #expect(try relay.record().end == "client_desync by client")
                    #expect(!dialogue.upstream.received.contains(Array("MAIL".utf8)))
                }
            }
        }

        @Test(arguments: ["MAIL FROM:<>\r\n", "M", "\r\n", "STARTTLS\r\n"])
        func withMirrorBytesBehindStartTLSEndTheSession(_ bytes: String) throws {
            try withRelay(setup(.mirror)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n" + bytes)
                try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
            }
            try withRelay(setup(.mirror)) { relay in
                let dialogue = try asked(relay, .mirror)
                try dialogue.client.send(bytes)
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                #expect(try relay.record().end == "client_desync by client")
            }
        }

        /// The client is still listened to while the upstream's handshake goes on. What it says then is plaintext,
        /// behind its STARTTLS and before our 220.
        @Test(arguments: ["MAIL FROM:<>\r\n", "M", "\r\n", "\u{16}\u{3}\u{1}"])
        func withMirrorBytesDuringTheUpstreamsHandshakeEndTheSession(_ bytes: String) throws {
            try withRelay(setup(.mirror)) { relay in
                let dialogue = try asked(relay, .mirror)
                relay.settle()
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                try dialogue.client.send(bytes)
                relay.settle()
                try dialogue.upstream.secureAsServer(TLSServerContext(.upstream()))
                try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
            }
        }

        /// A client that leaves then leaves nothing behind.
        @Test(arguments: [true, false]) func withMirrorAClientMayLeaveMeanwhile(_ isInOrder: Bool) throws {
            try withRelay(setup(.mirror)) { relay in
                let dialogue = try asked(relay, .mirror)
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                if isInOrder { dialogue.client.close() } else { dialogue.client.reset() }
                relay.settle()
                try dialogue.upstream.secureAsServer(TLSServerContext(.upstream()))
                _ = try? dialogue.upstream.readToEnd()
                #expect(try relay.record()["ended_by"] == "client")
            }
        }
    }
}

extension TestRelay {
    /// Something was injected into the handshake: it has failed, and nothing of that reaches the client.
    func isNotFooled(_ dialogue: Dialogue, _ policy: UpstreamSettings.TLSPolicy) throws {
        if policy == .opportunistic {
            let again = try upstream()
            try again.send(Dialogue.greeting)
            try again.expect(Dialogue.ehlo)
            try again.send("250 again.example\r\n")
            try dialogue.client.expect("250 again.example\r\n")
            again.close()
            dialogue.client.close()
        } else {
            #expect(try dialogue.client.line().hasPrefix(Dialogue.noUpstreamTLS))
            try dialogue.client.expectEnd()
            dialogue.client.close()
        }
        #expect(self[.sessionsUpstreamTerminatedSSL] == 0)
        #expect(try record()["upstream_tls_failure"] != nil)
    }
}
