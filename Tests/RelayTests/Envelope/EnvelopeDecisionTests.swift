import Lookup
import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// How long a decision holds, and what is kept of those whom it is about.
    @Suite struct EnvelopeDecisionTests {
        private typealias Known = EnvelopeAuthenticationTests

        /// Credentials that others own.
        private final class Watched: Sendable {
            private struct Held: Sendable { weak let credentials: Credentials? }

            private let held = Locked<Held?>(nil)

            func watch(_ credentials: Credentials?) { held.withLock { $0 = Held(credentials: credentials) } }
            var isThere: Bool { held.withLock { $0?.credentials } != nil }
        }

        /// A yes to one recipient names the client, and a server that nobody answers at: what it says of the next one,
        /// in that transaction or another, is asked again.
        @Test func aYesHoldsForItsRecipientAlone() throws {
            let nobody = try LoopbackServer().address
            let setup = Setup.envelope { setup in
                setup.authenticate { attempt in
                    guard attempt.facts.candidate?.address == Array("b@example.com".utf8) else {
                        return .refused(Refusal(reply: .notAuthorised))
                    }
                    return .accepted(Acceptance(login: Array("guest".utf8), server: .socket(nobody)))
                }
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                for _ in 0..<2 {
                    try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                    try client.ask("RCPT TO:<b@example.com>", "451 4.4.1 Upstream not reachable")
                    try client.ask("RCPT TO:<a@example.net>", "550 5.7.0 Not authorised to do that")
                    try client.ask("RSET", "250 2.0.0 Ok")
                }
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.ask("RCPT TO:<a@example.net>", "550 5.7.0 Not authorised to do that")
                #expect(try relay.isUpstreamAlone)
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
                #expect(try relay.record()["login"] == nil)
            }
        }

        @Test func aDecisionThatWasPutOffIsOneLikeOthers() throws {
            let setup = Setup.envelope { setup in
                setup.authenticate { _ in .deferred }
                setup.policies = { _ in
                    let check = ScriptedCheck(.auth) { _, facts in
                        facts.login == Array("user".utf8) ? .refuse(.notAuthorised) : .unavailable
                    }
                    let authenticator = ScriptedAuthenticator { attempt in
                        switch attempt.facts.candidate?.address {
                        case nil: .deferred
                        case Array("b@example.com".utf8): .accepted(Acceptance(login: nil))
                        default: .refused(Refusal(reply: .authenticationFailed))
                        }
                    }
                    return ListenerPolicies(
                        gate: StageGate([StageGate.Entry(check)]), authenticator: authenticator)
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH PLAIN \(Known.plain)", Known.success)
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.ask("RCPT TO:<b@example.com>", "550 5.7.0 Not authorised to do that")
                for _ in 0..<2 {
                    try client.ask("RCPT TO:<a@example.com>", "535 5.7.8 Authentication credentials invalid")
                    #expect(try relay.log.message("authentication refused").contains("\"user\":\"user\""))
                }
                try client.ask(
                    "RCPT TO:<a@example.com>", "421 4.7.0 Too many failed authentications, closing connection")
                try client.isLeft()
                #expect(try relay.isUpstreamAlone)
                #expect(try relay.record().end == "authentication_failed by client")
            }
        }

        @Test func credentialsGoWithTheHandOff() throws {
            let watched = Watched()
            let setup = Setup.envelope { setup in
                setup.upstream.authenticatesClients = true
                setup.authenticate { attempt in
                    watched.watch(attempt.credentials)
                    return attempt.facts.candidate == nil ? .deferred : .accepted(Acceptance(login: nil))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH PLAIN \(Known.plain)", Known.success)
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                #expect(watched.isThere)
                try client.send("RCPT TO:<b@example.com>\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer("AUTH PLAIN \(Known.plain)", "235 welcome")
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
                try client.send("QUIT\r\n")
                try upstream.expect("QUIT\r\n")
                #expect(!watched.isThere)
                try upstream.send("221 bye\r\n")
                try client.expect("221 bye\r\n")
            }
        }

        /// What a client says all the same, where it might have been asked for it.
        @Test func whatIsSaidBehindARefusedAUTHIsLeftOut() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            let setup = Setup.envelope { setup in
                setup.authenticateAll()
                setup.listener.transcript = Transcript(to: pipe.log, showsCredentials: false)
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH CRAM-MD5\r\ndXNlcg==\r\nc2VjcmV0\r\nQUIT\r\n")
                try client.expectReply("504 5.5.4 Authentication mechanism not supported")
                for _ in 0..<2 { try client.expectReply("500 5.5.2 Command not recognised") }
                try client.expectReply("221 2.0.0 Bye")
                try client.isLeft()
                _ = try pipe.message("221 2.0.0 Bye")
                let lines = pipe.messages.joined()
                #expect(lines.contains("C: [redacted]") && lines.contains("C: QUIT"))
                #expect(!lines.contains("dXNlcg==") && !lines.contains("c2VjcmV0"))
            }
        }
    }
}
