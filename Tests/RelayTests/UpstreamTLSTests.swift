import Relay
import TLS
import Telemetry
import TestCertificates
import TestSupport
import Testing

extension RelaySuites {
    /// TLS with an upstream that is willing.
    @Suite struct UpstreamTLSTests {
        static let offered = "250-inside.example\r\n250-SIZE 2\r\n250 CHUNKING\r\n"

        @Test(arguments: [UpstreamSettings.TLSPolicy.opportunistic, .required], [TLSVersion.tls12, .tls13])
        func theClientSeesTheSecondReply(_ policy: UpstreamSettings.TLSPolicy, _ version: TLSVersion) throws {
            try withRelay(.upstreamTLS(policy)) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream(only: version))
                relay.settle()
                #expect(dialogue.client.isQuiet)
                try dialogue.answer(Self.offered)
                try dialogue.deliver(Array("Subject: test\r\n\r\nHello\r\n.\r\n".utf8))
                try dialogue.quit()
                let record = try relay.record()
                #expect(record.end == "completed by upstream")
                #expect(record["upstream_tls"] == dialogue.upstream.protocolVersion)
                #expect(record["upstream_tls_failure"] == nil)
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 1)
                let versions = relay.counters.values(of: .upstreamTLSSessions)
                #expect(versions == [dialogue.upstream.protocolVersion: 1])
                #expect(relay[.sessionsEsmtpUnencrypted] == 1)
                #expect(relay.counters.values(of: .upstreamVerificationFailures).isEmpty)
            }
        }

        @Test(arguments: [UpstreamSettings.TLSPolicy.opportunistic, .required])
        func bothSidesHaveTheirOwn(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(.upstreamTLS(policy, .require)) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream())
                try dialogue.answer("250 inside.example\r\n", relayedAs: "250-inside.example\r\n250 STARTTLS\r\n")
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.client.expect(Dialogue.ready)
                try dialogue.client.secure(.only(.tls13))
                try dialogue.say("EHLO again.example\r\n")
                try dialogue.answer(Self.offered)
                try dialogue.quit()
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 1)
                #expect(relay[.sessionsDownstreamTerminatedSSL] == 1)
            }
        }

        @Test func implicitTLSComesBeforeTheGreeting() throws {
            try withRelay(.upstreamTLS(.implicit)) { relay in
                let client = try relay.client()
                let upstream = try relay.upstream()
                try upstream.secureAsServer(TLSServerContext(.upstream()))
                relay.settle()
                #expect(client.isQuiet)
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                try client.send(Dialogue.ehlo)
                try upstream.expect(Dialogue.ehlo)
                try upstream.send(Dialogue.ehloReply)
                try client.expect(Dialogue.ehloReply)
                upstream.close()
                client.close()
                let record = try relay.record()
                #expect(record["upstream_tls"] == "TLSv1.3")
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 1)
            }
        }

        // MARK: mirror

        @Test(arguments: [ListenerSettings.StartTLSPolicy.offer, .require])
        func mirrorFollowsTheClient(_ starttls: ListenerSettings.StartTLSPolicy) throws {
            try withRelay(.upstreamTLS(.mirror, starttls)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.upstream.expect("STARTTLS\r\n")
                relay.settle()
                #expect(dialogue.client.isQuiet)
                try dialogue.upstream.takeTLS()
                try dialogue.client.expect(Dialogue.ready)
                try dialogue.client.secure(.only(.tls13))
                try dialogue.say(Dialogue.ehlo)
                try dialogue.answer(Self.offered)
                try dialogue.quit()
                let record = try relay.record()
                #expect(record["tls"] == "TLSv1.3" && record["upstream_tls"] == "TLSv1.3")
            }
        }

        @Test func mirrorLeavesAClientInTheClearAsItIs() throws {
            try withRelay(.upstreamTLS(.mirror, .offer)) { relay in
                try Dialogue(relay, upTo: .mailAnswered).quit()
                #expect(try relay.record()["upstream_tls"] == nil)
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 0)
                #expect(relay[.sessionsEsmtpUnencrypted] == 1)
            }
        }

        /// What the upstream cannot do is not offered to the client.
        @Test func mirrorOffersNoMoreThanTheUpstream() throws {
            try withRelay(.upstreamTLS(.mirror, .offer)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.answer(Dialogue.ehloReplyWithoutTLS)
                try dialogue.quit()
                #expect(relay[.sessionsUpstreamSSLNotOffered] == 1)
            }
            try withRelay(.upstreamTLS(.mirror, .require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.upstream.send(Dialogue.ehloReplyWithoutTLS)
                #expect(try dialogue.client.line().hasPrefix(Dialogue.noUpstreamTLS))
                try dialogue.client.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "upstream_tls_not_offered by upstream")
                #expect(relay[.sessionsUpstreamSSLNotOffered] == 1)
            }
        }

        @Test func mirrorWithImplicitTLSOfTheClient() throws {
            try withRelay(
                .upstreamTLS(.mirror) { setup in
                    setup.listener.tls = .test
                    setup.listener.isImplicitTLS = true
                }
            ) { relay in
                let client = try relay.client()
                try client.secure(.only(.tls13))
                let upstream = try relay.upstream()
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                try client.send(Dialogue.ehlo)
                try upstream.offerTLS()
                try upstream.takeTLS()
                try upstream.expect(Dialogue.ehlo)
                try upstream.send(Self.offered)
                try client.expect(Self.offered)
            }
        }

        // MARK: Whom it is

        @Test func theNameIsSentAndLookedFor() throws {
            try withRelay(.upstreamTLS(.required) { $0.upstream.tlsServerName = "mx.example.com" }) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream())
                #expect(dialogue.upstream.serverName == "mx.example.com")
            }
            // An address is no name to ask for, but it is looked for in the certificate.
            try withRelay(.upstreamTLS(.required)) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream())
                #expect(dialogue.upstream.serverName == nil)
            }
        }

        /// A pin needs no authority, no name, and no valid time.
        @Test(arguments: [
            [TestCertificates.ecdsaPin], [String(repeating: "07", count: 32), TestCertificates.ecdsaPin],
        ])
        func aPinIsEnough(_ pins: [String]) throws {
            try withRelay(
                .upstreamTLS(.required) { setup in
                    setup.upstream.tlsServerName = "unheard.of"
                    setup.tlsClient = TLSClientConfiguration(authorities: .none, pins: pins.map(pin))
                }
            ) { relay in
                try Dialogue(relay, upstream: .upstream()).answer(Self.offered)
                #expect(relay.counters.values(of: .upstreamVerificationFailures).isEmpty)
            }
        }

        @Test(arguments: [TLSVersion.tls12, .tls13])
        func weShowACertificateWhereOneIsAskedFor(_ version: TLSVersion) throws {
            var upstream = TLSServerConfiguration.upstream(only: version)
            upstream.clientCertificates = .require(authorities: .root)
            try withRelay(.upstreamTLS(.required) { $0.tlsClient.identities = [.client] }) { relay in
                let dialogue = try Dialogue(relay, upstream: upstream)
                #expect(dialogue.upstream.peerName == "client.example.com")
                try dialogue.answer(Self.offered)
            }
        }

        @Test func oneThatIsOnlyWelcomeIsNotNeeded() throws {
            let upstream = TLSServerConfiguration.upstream { $0.clientCertificates = .request(authorities: .root) }
            try withRelay(.upstreamTLS(.required)) { relay in
                try Dialogue(relay, upstream: upstream).answer(Self.offered)
            }
        }

        /// A certificate that need not be good is looked at all the same.
        @Test(arguments: [UpstreamSettings.TLSPolicy.opportunistic, .required])
        func aBadCertificateIsOnlyNotedWhereThatIsEnough(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(.upstreamTLS(policy) { $0.tlsClient.isEnforced = false }) { relay in
                let dialogue = try Dialogue(relay, upstream: .upstream(.selfSigned))
                try dialogue.answer(Self.offered)
                try dialogue.quit()
                let record = try relay.record()
                #expect(record.end == "completed by upstream")
                #expect(record["upstream_tls_failure"] == "self_signed")
                #expect(relay.counters.values(of: .upstreamVerificationFailures) == ["self_signed": 1])
                #expect(relay.counters.values(of: .upstreamTLSFailures).isEmpty)
                #expect(relay[.sessionsUpstreamSSLErr] == 0)
                _ = try relay.log.message("upstream certificate not valid")
            }
        }

        /// The second connection need not show its certificate again.
        @Test func sessionsAreTakenUpAgain() throws {
            let keys = TLSTicketKeys()
            try withRelay(.upstreamTLS(.required)) { relay in
                for isAgain in [false, true] {
                    let dialogue = try Dialogue(relay, upstream: .upstream { $0.ticketKeys = keys })
                    try dialogue.answer(Self.offered)
                    try dialogue.quit()
                    #expect(dialogue.upstream.isResumed == isAgain)
                    _ = try relay.record()
                }
            }
        }
    }
}
