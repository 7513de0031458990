import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// The upstream knows who the client is, or who Mailrace is.
    @Suite struct EnvelopeUpstreamAuthenticationTests {
        private static let plain = EnvelopeAuthenticationTests.plain
        private static let success = EnvelopeAuthenticationTests.success
        /// user=user, auth=Bearer token.
        private static let xoauth2 = "dXNlcj11c2VyAWF1dGg9QmVhcmVyIHRva2VuAQE="
        /// n,a=user, and auth=Bearer token.
        private static let oauthbearer = "bixhPXVzZXIsAWF1dGg9QmVhcmVyIHRva2VuAQE="

        private static func asking(_ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .envelope { setup in
                setup.authenticate(by: [.plain, .login, .xoauth2, .oauthbearer]) { _ in .passedOn }
                setup.policies = { _ in ListenerPolicies(authenticator: UpstreamAuthenticator("relayed")) }
                setup.upstream.retries = 0
                change(&setup)
            }
        }

        /// What the client says, what the upstream offers and hears.
        private static let dialogues = [
            ("PLAIN \(plain)", "PLAIN LOGIN", "PLAIN \(plain)"),
            ("XOAUTH2 \(xoauth2)", "XOAUTH2 OAUTHBEARER", "XOAUTH2 \(xoauth2)"),
            ("OAUTHBEARER \(oauthbearer)", "XOAUTH2 OAUTHBEARER", "OAUTHBEARER \(oauthbearer)"),
            ("OAUTHBEARER \(oauthbearer)", "PLAIN XOAUTH2", "XOAUTH2 \(xoauth2)"),
        ]

        @Test(arguments: dialogues.indices) func itsYesIsTheClients(_ index: Int) throws {
            let (said, offer, heard) = Self.dialogues[index]
            try withRelay(Self.asking()) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH \(said)\r\n")
                // Who it is, the upstream finds out itself.
                let upstream = try relay.introducedUpstream(["XCLIENT ADDR LOGIN", "AUTH \(offer)"])
                try upstream.answer("XCLIENT ADDR=127.0.0.1", "220 again")
                try upstream.answer("EHLO client.example", Peer.ehloReply(["AUTH \(offer)"]))
                try upstream.answer("AUTH \(heard)", "235 fine")
                try client.expect(Self.success + "\r\n")
                try client.send("MAIL FROM:<>\r\n")
                try upstream.answer("MAIL FROM:<>", "250 ok")
                try client.expect("250 ok\r\n")
                client.close()
                upstream.close()
                let record = try relay.record()
                #expect(record["login"] == "user")
                #expect(record["decision"] == "accepted")
                #expect(relay.counters.values(of: .authenticationOutcomes) == ["accepted": 1])
            }
        }

        @Test func itsNoIsTheClientsWhoMayTryAgain() throws {
            try withRelay(Self.asking { $0.envelope.authentication.failuresMax = 3 }) { relay in
                let client = try relay.introducedClient()
                for isWelcome in [false, false, true] {
                    try client.send("AUTH PLAIN \(Self.plain)\r\n")
                    let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                    try upstream.answer(
                        "AUTH PLAIN \(Self.plain)", isWelcome ? "235 fine" : "535-5.7.8 not\r\n535 5.7.8 you")
                    try client.expect(isWelcome ? Self.success + "\r\n" : "535-5.7.8 not\r\n535 5.7.8 you\r\n")
                    guard !isWelcome else {
                        upstream.close()
                        break
                    }
                    try upstream.expectEnd()
                    try client.ask("MAIL FROM:<>", "530 5.7.0 Authentication required")
                }
                client.close()
                #expect(try relay.log.message("authentication refused").contains(#""user":"user""#))
                _ = try relay.record()
                #expect(relay.counters.values(of: .authenticationOutcomes) == ["accepted": 1, "refused": 2])
            }
        }

        @Test func theLastFailureEndsTheSession() throws {
            try withRelay(Self.asking { $0.envelope.authentication.failuresMax = 2 }) { relay in
                let client = try relay.introducedClient()
                for isLast in [false, true] {
                    try client.send("AUTH PLAIN \(Self.plain)\r\n")
                    try relay.introducedUpstream(["AUTH PLAIN"]).answer("AUTH PLAIN \(Self.plain)", "535 5.7.8 no")
                    if !isLast { try client.expect("535 5.7.8 no\r\n") }
                }
                _ = try client.line()
                try client.isLeft()
                #expect(try relay.record().end == "authentication_failed by client")
            }
        }

        /// A client that waits for the challenge is told of its failure; a word of the upstream's about itself is none.
        @Test func anUpstreamThatCannotSayIsNoFailureOfTheClient() throws {
            try withRelay(Self.asking { $0.envelope.authentication.failuresMax = 2 }) { relay in
                let client = try relay.introducedClient()
                for _ in 0..<3 {
                    try client.send("AUTH PLAIN \(Self.plain)\r\n")
                    try relay.introducedUpstream(["AUTH PLAIN"]).answer("AUTH PLAIN \(Self.plain)", "454 4.7.0 later")
                    try client.expect("454 4.7.0 later\r\n")
                }
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                let upstream = try relay.introducedUpstream()
                try client.expectReply("451 4.3.5 Upstream does not take what it must know")
                try upstream.expectEnd()
                try client.ask("QUIT", "221 2.0.0 Bye")
                #expect(relay.counters.values(of: .authenticationOutcomes) == ["unavailable": 4])
            }
        }

        @Test func aTokensFailureIsHeardToTheEnd() throws {
            try withRelay(Self.asking()) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH OAUTHBEARER \(Self.oauthbearer)\r\n")
                let upstream = try relay.introducedUpstream(["AUTH OAUTHBEARER"])
                try upstream.answer("AUTH OAUTHBEARER \(Self.oauthbearer)", "334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=")
                try upstream.answer("AQ==", "535 5.7.8 expired")
                try client.expect("535 5.7.8 expired\r\n")
            }
        }

        /// The listener's own checks come behind the upstream's yes, and before the client hears of it.
        @Test func aCheckMayStillRefuse() throws {
            let setup = Self.asking { setup in
                setup.policies = { _ in
                    let check = ScriptedCheck([.auth]) { _, facts in
                        facts.login == Array("user".utf8) ? .refuse(.notAuthorised) : .accept
                    }
                    return ListenerPolicies(
                        gate: StageGate([StageGate.Entry(check)]), authenticator: UpstreamAuthenticator("relayed"))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer("AUTH PLAIN \(Self.plain)", "235 fine")
                try client.expectReply("550 5.7.0 Not authorised to do that")
                try upstream.expectEnd()
                try client.ask("MAIL FROM:<>", "530 5.7.0 Authentication required")
            }
        }

        // MARK: Mailrace's own

        private static func own(_ proof: Credentials.Proof, _ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .envelope { setup in
                let credentials = Credentials(mechanism: .plain, user: Array("user".utf8), proof: proof)
                setup.upstream.ownCredentials = credentials.map(OwnCredentials.init)
                setup.upstream.retries = 0
                change(&setup)
            }
        }

        private static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

        @Test(arguments: [false, true]) func mailraceAuthenticates(_ hasToken: Bool) throws {
            let proof: Credentials.Proof =
                hasToken ? .token(Self.secret("token")) : .password(Self.secret("password"))
            try withRelay(Self.own(proof)) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.send("RCPT TO:<b@example.com>\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN XOAUTH2"])
                try upstream.answer(
                    "AUTH " + (hasToken ? "XOAUTH2 \(Self.xoauth2)" : "PLAIN \(Self.plain)"), "235 fine")
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
            }
        }

        /// It is nothing that the client could do about.
        @Test(arguments: ["AUTH PLAIN", "SIZE"]) func whereItMayNotTheClientComesAgain(_ offer: String) throws {
            try withRelay(Self.own(.password(Self.secret("password")))) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.send("RCPT TO:<b@example.com>\r\n")
                let upstream = try relay.introducedUpstream([offer])
                if offer == "AUTH PLAIN" { try upstream.answer("AUTH PLAIN \(Self.plain)", "535 5.7.8 not you") }
                try client.expectReply("451 4.3.5 Upstream does not take what it must know")
                try upstream.expectEnd()
            }
        }

        @Test func credentialsAreComparedByWhatTheySay() {
            func own(_ user: String, _ proof: Credentials.Proof) -> OwnCredentials? {
                Credentials(mechanism: .plain, user: Array(user.utf8), proof: proof).map(OwnCredentials.init)
            }
            let joe = own("joe", .password(Self.secret("a")))
            #expect(joe == own("joe", .password(Self.secret("a"))))
            #expect(joe != own("joe", .password(Self.secret("b"))))
            #expect(joe != own("ann", .password(Self.secret("a"))))
            #expect(joe != own("joe", .token(Self.secret("a"))))
        }
    }
}
