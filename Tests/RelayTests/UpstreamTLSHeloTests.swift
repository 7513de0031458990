import Relay
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// A client that says HELO is told nothing of STARTTLS; towards the upstream it is asked for in its name.
    @Suite struct UpstreamTLSHeloTests {
        static let helo = "HELO client.example\r\n"

        /// A session as far as the upstream's having heard EHLO for a client that said HELO.
        private func greeted(_ relay: TestRelay) throws -> Dialogue {
            let dialogue = try Dialogue(relay, upTo: .greeted)
            try dialogue.client.send(Self.helo)
            return dialogue
        }

        @Test(arguments: [UpstreamSettings.TLSPolicy.required, .opportunistic])
        func tlsIsAskedForInTheClientsName(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(.upstreamTLS(policy)) { relay in
                let dialogue = try greeted(relay)
                try dialogue.upstream.offerTLS()
                try dialogue.upstream.takeTLS()
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.upstream.send(Dialogue.ehloReplyWithoutTLS)
                try dialogue.upstream.expect(Self.helo)
                try dialogue.answer("250 mx.example\r\n")
                try dialogue.exchange("MAIL FROM:<>\r\n", "250 Ok\r\n")
                try dialogue.quit()
                let record = try relay.record()
                #expect(record["greeting"] == "HELO" && record["upstream_tls"] == "TLSv1.3")
                #expect(relay[.sessionsNonEsmtp] == 1 && relay[.sessionsEsmtpUnencrypted] == 0)
            }
        }

        @Test(arguments: [Dialogue.ehloReplyWithoutTLS, "502 5.5.1 No ESMTP\r\n"])
        func opportunisticGoesOnWithWhatThereIs(_ reply: String) throws {
            try withRelay(.upstreamTLS(.opportunistic)) { relay in
                let dialogue = try greeted(relay)
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.upstream.send(reply)
                try dialogue.upstream.expect(Self.helo)
                try dialogue.answer("250 mx.example\r\n")
                try dialogue.quit()
            }
        }

        @Test(arguments: [Dialogue.ehloReplyWithoutTLS, "502 5.5.1 No ESMTP\r\n"])
        func requiredEndsTheSession(_ reply: String) throws {
            try withRelay(.upstreamTLS(.required)) { relay in
                let dialogue = try greeted(relay)
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.upstream.send(reply)
                // The client is spared the enhanced status code.
                #expect(try dialogue.client.line().hasPrefix("421 Upstream TLS not available ["))
                try dialogue.client.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "upstream_tls_not_offered by upstream")
                #expect(dialogue.upstream.received.elementsEqual(Dialogue.ehlo.utf8))
            }
        }

        @Test func aFailedHandshakeIsDoneWithout() throws {
            try withRelay(.upstreamTLS(.opportunistic)) { relay in
                let dialogue = try greeted(relay)
                try dialogue.upstream.offerTLS()
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                dialogue.upstream.close()
                let again = try relay.upstream()
                try again.send(Dialogue.greeting)
                try again.expect(Dialogue.ehlo)
                try again.send(Dialogue.ehloReply)
                try again.expect(Self.helo)
                try again.send("250 mx.example\r\n")
                try dialogue.client.expect("250 mx.example\r\n")
            }
        }

        /// Where the listener requires STARTTLS of the client, HELO opens no other way.
        @Test func theClientsOwnTLSIsStillRequired() throws {
            try withRelay(.upstreamTLS(.required, .require)) { relay in
                let dialogue = try greeted(relay)
                try dialogue.upstream.offerTLS()
                try dialogue.upstream.takeTLS()
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.upstream.send(Dialogue.ehloReplyWithoutTLS)
                try dialogue.upstream.expect(Self.helo)
                try dialogue.answer("250 mx.example\r\n")
                try dialogue.client.send("MAIL FROM:<>\r\n")
                #expect(try dialogue.client.line().hasPrefix("530 Must issue a STARTTLS command first"))
                try dialogue.client.expectEnd()
            }
        }

        @Test(arguments: ["451 4.3.0 Later\r\n", "502 5.5.1 No\r\n"])
        func aSecondReplyThatIsARefusalIsRelayed(_ refusal: String) throws {
            try withRelay(.upstreamTLS(.required)) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream())
                try dialogue.answer(refusal)
                // The upstream has its TLS already.
                try dialogue.exchange(Self.helo, "250 mx.example\r\n")
                try dialogue.quit()
            }
        }
    }
}
