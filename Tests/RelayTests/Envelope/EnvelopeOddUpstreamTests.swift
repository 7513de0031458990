import Policy
import Relay
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What a client hears, and may do next, where the upstream does not do what it should.
    @Suite struct EnvelopeOddUpstreamTests {
        private static let mail = "MAIL FROM:<a@example.org>"
        private static let rcpt = "RCPT TO:<b@example.com>"
        /// `joe` and `pw`.
        private static let auth = "AUTH PLAIN AGpvZQBwdw=="

        /// An authenticator that is asked about each recipient has said yes to one alone, whatever else it has said.
        @Test func aYesIsForOneRecipient() throws {
            let asked = Noted()
            let setup = Setup.envelope { setup in
                setup.authenticate { attempt in
                    let recipient = String(decoding: attempt.facts.candidate?.address ?? [], as: UTF8.self)
                    asked.note(recipient)
                    guard recipient == "b@example.com" else {
                        let status = EnhancedStatus(5, 7, 1)!
                        return .refused(Refusal(reply: LocalReply(code: 550, status: status, text: "Not him")!))
                    }
                    return .accepted(Acceptance(login: Array("somebody".utf8)))
                }
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "450 4.7.1 later")
                try client.expectReply("450 4.7.1 later")
                try upstream.expectEnd()
                try client.ask("RCPT TO:<c@example.com>", "550 5.7.1 Not him")
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.ask("RCPT TO:<d@example.com>", "550 5.7.1 Not him")
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
                let record = try relay.record()
                #expect(record["login"] == nil)
            }
            #expect(asked.all == ["b@example.com", "c@example.com", "d@example.com"])
        }

        /// What is neither a yes nor a no is not shown to a client, which would take it for the answer to AUTH or RCPT.
        @Test(arguments: [
            ["250 hello"], ["235 2.7.0 hello"], ["220 hello", "235 2.7.0 welcome"], ["220 hello", "334 go on"],
        ]) func aStrangeReplyIsNoAnswer(said: [String]) throws {
            let setup = Setup.envelope { $0.authenticateAll() }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.upstream()
                try upstream.send(said[0] + "\r\n")
                for reply in said.dropFirst() { try upstream.answer("EHLO relay.example", reply) }
                try client.expectReply("451 4.3.0 Upstream reply not valid")
                try upstream.expectEnd()
                // It has not authenticated.
                try client.ask(Self.mail, "530 5.7.0 Authentication required")
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
            }
        }

        @Test(arguments: ["250 2.0.0 fine", "334 YWJj", "220 hello"])
        func aStrangeReplyToAUTHIsNoAnswer(said: String) throws {
            let setup = Setup.envelope { setup in
                setup.authenticateAll()
                setup.upstream.authenticatesClients = true
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.auth, said)
                if said.hasPrefix("334") { try upstream.answer("*", said) }
                try client.expectReply("451 4.3.0 Upstream reply not valid")
                try upstream.expectEnd()
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
            }
        }

        @Test(arguments: ["354 go on", "220 hello", "235 2.7.0 hello"])
        func aStrangeReplyToMAILIsNoAnswer(said: String) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, said)
                try client.expectReply("451 4.3.0 Upstream reply not valid")
                try upstream.expectEnd()
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
            }
        }
    }
}
