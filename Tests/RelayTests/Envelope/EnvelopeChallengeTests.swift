import Policy
import Relay
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// CRAM-MD5 whose challenge the authenticator makes.
    @Suite struct EnvelopeChallengeTests {
        /// A setup in which only CRAM-MD5 is taken, with this challenge.
        private static func challenging(_ challenge: String?, _ noted: Noted) -> Setup {
            .envelope { setup in
                setup.authenticateAll(by: [.cramMD5])
                setup.policies = { _ in
                    ListenerPolicies(authenticator: ChallengingAuthenticator(challenge, noted))
                }
            }
        }

        @Test func anAuthenticatorMayMakeTheChallenge() throws {
            let noted = Noted()
            try withRelay(Self.challenging("<1@dovecot>", noted)) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH CRAM-MD5", "334 PDFAZG92ZWNvdD4=")
                let digest = Array("user \(String(repeating: "0", count: 32))".utf8)
                let answer = String(decoding: Base64.encoded(digest.span), as: UTF8.self)
                try client.ask(answer, "535 5.7.8 Authentication credentials invalid")
                #expect(noted.all == ["<1@dovecot>", "forgotten"])
                try client.ask("AUTH CRAM-MD5", "334 PDFAZG92ZWNvdD4=")
                try client.ask("*", "501 5.7.0 Authentication cancelled")
                #expect(noted.all == ["<1@dovecot>", "forgotten", "forgotten"])
                try client.ask("AUTH CRAM-MD5 dXNlcg==", "501 5.7.0 Initial response not allowed with this mechanism")
                try client.ask("NOOP", "250 2.0.0 Ok")
            }
        }

        @Test func aChallengeThatIsNotToBeHadIsNoDecision() throws {
            try withRelay(Self.challenging(nil, Noted())) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH CRAM-MD5", "454 4.7.0 Temporary authentication failure")
                try client.ask("NOOP", "250 2.0.0 Ok")
            }
        }
    }
}
