import Relay
import TLS
import Telemetry
import TestCertificates
import TestSupport
import Testing

extension RelaySuites {
    /// TLS with an upstream that is not willing, not able, or not whom we expect.
    @Suite struct UpstreamTLSFailureTests {
        /// What stands in the way of a handshake.
        struct Obstacle: Sendable, CustomStringConvertible {
            let description: String
            /// The reason, in the log and in `upstream_tls_failures`.
            let reason: String
            /// In `upstream_verification_failures`.
            var found: String?
            var change: @Sendable (inout Setup) -> Void = { _ in }
            /// What the upstream does where the handshake is due.
            let act: @Sendable (Peer) throws -> Void
        }

        static func certificate(
            _ found: String, _ identity: TLSIdentity = .ecdsa, _ change: @escaping @Sendable (inout Setup) -> Void
        ) -> Obstacle {
            Obstacle(description: found, reason: "bad_certificate", found: found, change: change) {
                try? $0.secureAsServer(TLSServerContext(.upstream(identity)))
            }
        }

        private static func demandsCertificate(_ version: TLSVersion) -> Obstacle {
            Obstacle(description: "demands a certificate in \(version)", reason: "peer_alert") {
                var configuration = TLSServerConfiguration.upstream(only: version)
                configuration.clientCertificates = .require(authorities: .root)
                try? $0.secureAsServer(TLSServerContext(configuration))
            }
        }

        static let obstacles = [
            Obstacle(description: "closes", reason: "closed") { $0.close() },
            Obstacle(description: "resets", reason: "closed") { $0.reset() },
            Obstacle(description: "speaks on in the clear", reason: "not_tls") { try $0.send("250 injected\r\n") },
            Obstacle(description: "says nothing", reason: "timeout") { setup in
                setup.timeouts.tlsHandshake = .milliseconds(200)
            } act: { _ in
            },
            Obstacle(description: "says half a record", reason: "timeout") { setup in
                setup.timeouts.tlsHandshake = .milliseconds(200)
            } act: {
                try $0.send([22, 3, 3])
            },
            Obstacle(description: "is too old", reason: "peer_alert") { setup in
                setup.tlsClient.parameters.minimumVersion = .tls13
            } act: {
                try? $0.secureAsServer(TLSServerContext(.upstream(only: .tls12)))
            },
            demandsCertificate(.tls12), demandsCertificate(.tls13),
            certificate("unknown_ca") { $0.tlsClient.authorities = .file(.otherRoot) },
            certificate("name_mismatch") { $0.upstream.tlsServerName = "mx.example.org" },
            certificate("expired", .expired) { $0.tlsClient.authorities = .file(.intermediate) },
            certificate("self_signed", .selfSigned) { _ in },
            certificate("pin_mismatch") { $0.tlsClient.pins = [[UInt8](repeating: 7, count: 32)] },
        ]

        /// The client is told once, nothing more is dialled, and the upstream hears nothing of the client in the clear.
        private func isGivenUp(_ relay: TestRelay, _ client: Peer, _ obstacle: Obstacle) throws {
            #expect(try client.line().hasPrefix(Dialogue.noUpstreamTLS))
            try client.expectEnd()
            client.close()
            let record = try relay.record()
            #expect(record.end == "upstream_tls_failed by upstream")
            #expect(record["upstream_tls_failure"] == obstacle.reason)
            isCounted(relay, obstacle)
            #expect(relay[.sessionsUpstreamSSLErr] == 1)
            #expect(relay[.sessionsUpstreamEarlyClose] == 0)
            #expect(try !relay.server.isCalled(withinMilliseconds: 0))
            _ = try relay.log.message("TLS with the upstream failed")
        }

        private func isCounted(_ relay: TestRelay, _ obstacle: Obstacle) {
            #expect(relay.counters.values(of: .upstreamTLSFailures) == [obstacle.reason: 1])
            let found = obstacle.found.map { [$0: UInt64(1)] } ?? [:]
            #expect(relay.counters.values(of: .upstreamVerificationFailures) == found)
        }

        @Test(arguments: obstacles) func requiredNeverDoesWithout(_ obstacle: Obstacle) throws {
            try withRelay(.upstreamTLS(.required, .off, obstacle.change)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Dialogue.ehlo)
                try dialogue.upstream.offerTLS()
                try dialogue.upstream.send(Dialogue.goAhead)
                // Else it might come in one piece with what follows.
                relay.settle()
                try obstacle.act(dialogue.upstream)
                try isGivenUp(relay, dialogue.client, obstacle)
                #expect(!dialogue.upstream.received.contains(Array("QUIT".utf8)))
            }
        }

        @Test(arguments: obstacles) func implicitNeverDoesWithout(_ obstacle: Obstacle) throws {
            try withRelay(.upstreamTLS(.implicit, .off, obstacle.change)) { relay in
                let client = try relay.client()
                let upstream = try relay.upstream()
                try obstacle.act(upstream)
                try isGivenUp(relay, client, obstacle)
            }
        }

        @Test(arguments: obstacles) func mirrorNeverDoesWithout(_ obstacle: Obstacle) throws {
            // With TLS 1.3 the refusal of a client's certificate comes with the next reply, and the client has its TLS.
            guard obstacle.description != "demands a certificate in \(TLSVersion.tls13)" else { return }
            try withRelay(.upstreamTLS(.mirror, .offer, obstacle.change)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.upstream.expect("STARTTLS\r\n")
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                try obstacle.act(dialogue.upstream)
                try isGivenUp(relay, dialogue.client, obstacle)
                #expect(relay[.sessionsDownstreamSSLErr] == 0)
            }
        }

        /// The same server again, in the clear; of the broken connection the client sees nothing.
        @Test(arguments: obstacles) func opportunisticGoesOnInTheClear(_ obstacle: Obstacle) throws {
            try withRelay(.upstreamTLS(.opportunistic, .off, obstacle.change)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Dialogue.ehlo)
                try dialogue.upstream.offerTLS()
                try dialogue.upstream.send(Dialogue.goAhead)
                relay.settle()
                try obstacle.act(dialogue.upstream)
                let again = try relay.upstream()
                try again.send("220 again.example ESMTP\r\n")
                try again.expect(Dialogue.ehlo)
                try again.send("250-again.example\r\n250-STARTTLS\r\n250 SIZE 3\r\n")
                try dialogue.client.expect("250-again.example\r\n250 SIZE 3\r\n")
                try dialogue.client.send("QUIT\r\n")
                try again.expect("QUIT\r\n")
                again.close()
                dialogue.client.close()
                let record = try relay.record()
                #expect(record["upstream_tls_failure"] == obstacle.reason)
                isCounted(relay, obstacle)
                #expect(relay[.sessionsUpstreamSSLErr] == 0)
            }
        }

        // MARK: STARTTLS is not taken

        static let refusals = ["454 4.7.0 Not now\r\n", "502 5.5.1 What?\r\n", "554-No\r\n554 TLS\r\n", "250 Ok\r\n"]

        @Test(arguments: refusals) func aRefusal(_ refusal: String) throws {
            for policy in [UpstreamSettings.TLSPolicy.required, .opportunistic] {
                try withRelay(.upstreamTLS(policy)) { relay in
                    let dialogue = try Dialogue(relay, upTo: .greeted)
                    try dialogue.client.send(Dialogue.ehlo)
                    try dialogue.upstream.offerTLS()
                    try dialogue.upstream.send(refusal)
                    if policy == .opportunistic {
                        try dialogue.client.expect(Dialogue.ehloReplyWithoutTLS)
                        try dialogue.quit()
                    } else {
                        #expect(try dialogue.client.line().hasPrefix(Dialogue.noUpstreamTLS))
                        try dialogue.client.expectEnd()
                        dialogue.client.close()
                    }
                    let record = try relay.record()
                    let isGivenUp = record.end == "upstream_tls_refused by upstream"
                    #expect(isGivenUp == (policy == .required))
                    #expect(record["upstream_tls_failure"] == "command_\(refusal.prefix(3))")
                    #expect(relay[.sessionsUpstreamSSLCommandErr] == 1)
                    #expect(relay[.sessionsUpstreamSSLErr] == 0)
                    #expect(try !relay.server.isCalled(withinMilliseconds: 0))
                }
            }
        }

        @Test(arguments: refusals) func aRefusalToMirror(_ refusal: String) throws {
            try withRelay(.upstreamTLS(.mirror, .offer)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.upstream.expect("STARTTLS\r\n")
                try dialogue.upstream.send(refusal)
                #expect(try dialogue.client.line().hasPrefix(Dialogue.noUpstreamTLS))
                try dialogue.client.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "upstream_tls_refused by upstream")
            }
        }

        @Test(arguments: [UpstreamSettings.TLSPolicy.required, .opportunistic])
        func itsLeaveIsRelayed(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(.upstreamTLS(policy)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Dialogue.ehlo)
                try dialogue.upstream.offerTLS()
                try dialogue.answer("421 4.3.2 Closing\r\n")
                try dialogue.client.expectEnd()
                dialogue.client.close()
                let record = try relay.record()
                #expect(record.end == "upstream_421 by upstream" && record.phase == "upstream_starttls")
            }
        }

        @Test func nothingIsOffered() throws {
            for policy in [UpstreamSettings.TLSPolicy.required, .opportunistic] {
                try withRelay(.upstreamTLS(policy)) { relay in
                    let dialogue = try Dialogue(relay, upTo: .ehloSent)
                    // What only begins like it is something else.
                    try dialogue.upstream.send("250-STARTTLS\r\n250 STARTTLSX\r\n")
                    if policy == .opportunistic {
                        try dialogue.client.expect("250-STARTTLS\r\n250 STARTTLSX\r\n")
                        try dialogue.quit()
                    } else {
                        #expect(try dialogue.client.line().hasPrefix(Dialogue.noUpstreamTLS))
                        try dialogue.client.expectEnd()
                        dialogue.client.close()
                        #expect(try relay.record().end == "upstream_tls_not_offered by upstream")
                    }
                    #expect(relay[.sessionsUpstreamSSLNotOffered] == 1)
                    #expect(relay[.sessionsUpstreamTerminatedSSL] == 0)
                }
            }
        }

        /// In the clear because the upstream had nothing to offer: a second EHLO does not ask again.
        @Test func whatWasDoneWithoutIsNotTriedAgain() throws {
            try withRelay(.upstreamTLS(.opportunistic, .offer)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.answer("250 mx\r\n", relayedAs: "250-mx\r\n250 STARTTLS\r\n")
                try dialogue.say("EHLO again.example\r\n")
                try dialogue.answer("250-mx\r\n250 STARTTLS\r\n")
                try dialogue.say("MAIL FROM:<>\r\n")
                #expect(relay[.sessionsUpstreamSSLNotOffered] == 1)
            }
        }
    }
}
