import Policy
import Relay
import Ring
import Telemetry
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

extension RelaySuites {
    /// Who fails too often, in whatever sessions.
    @Suite struct EnvelopeFailureTests {
        private static let plain = "AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="
        private static let refused = "535 5.7.8 Authentication credentials invalid"
        private static let tooMany = "454 4.7.0 Too many authentication failures, try again later"

        private static func refusing(_ noted: Noted, _ change: (inout AuthenticationFailureLimits) -> Void) -> Setup {
            .envelope { setup in
                setup.authenticate { attempt in
                    noted.note("asked")
                    return .refused(Refusal(reply: .authenticationFailed))
                }
                change(&setup.envelope.authentication.failureLimits)
            }
        }

        @Test(arguments: [AuthenticationFailures.Subject.address, .user])
        func nobodyIsAskedAboutThemAnyMore(_ subject: AuthenticationFailures.Subject) throws {
            let noted = Noted()
            let setup = Self.refusing(noted) { limits in
                if subject == .address { limits.perAddress.max = 3 } else { limits.perUser.max = 3 }
            }
            try withRelay(setup) { relay in
                let first = try relay.introducedClient()
                for _ in 0..<2 { try first.ask(Self.plain, Self.refused) }
                let second = try relay.introducedClient()
                try second.ask(Self.plain, Self.refused)
                try second.ask(Self.plain, Self.tooMany)
                #expect(noted.all.count == 3)
                #expect(
                    relay.counters.values(of: .authenticationOutcomes)
                        == ["refused": 3, "too_many_failures_of_\(subject)": 1])
                // Who is told so often has to go.
                try first.send(Self.plain + "\r\n")
                try first.expect("421 ")
            }
        }

        @Test func aFailureIsHeldBack() throws {
            let setup = Self.refusing(Noted()) { $0.delay = .milliseconds(100) }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                let start = Instant.current()
                try client.ask(Self.plain, Self.refused)
                #expect(Instant.current().nanoseconds(since: start) >= 100_000_000)
            }
        }
    }
}
