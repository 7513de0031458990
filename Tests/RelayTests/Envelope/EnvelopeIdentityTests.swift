import Policy
import Relay
import Ring
import TestSupport
import Testing

extension RelaySuites {
    /// What the upstream is told of the client before the client's own words.
    @Suite struct EnvelopeIdentityTests {
        private static let mail = "MAIL FROM:<a@example.org>"
        private static let rcpt = "RCPT TO:<b@example.com>"

        /// A client known by its PROXY header, and an upstream of one's own.
        private func withClient(
            _ change: (inout Setup) -> Void = { _ in }, _ body: (TestRelay, Peer, Peer) throws -> Void
        ) throws {
            let setup = Setup.envelope { setup in
                setup.listener.proxyProtocol = .init(trusted: [.of("127.0.0.0/8")])
                setup.upstream.retries = 0
                change(&setup)
            }
            try withRelay(setup) { relay in
                let client = try relay.client(behind: Proxied.client("192.0.2.1"))
                try client.expect(TestRelay.envelopeGreeting)
                try client.introduce()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                try body(relay, client, try relay.upstream())
            }
        }

        private func takeMail(_ client: Peer, _ upstream: Peer) throws {
            try upstream.answer(Self.mail, "250 sender")
            try upstream.answer(Self.rcpt, "250 recipient")
            try client.expect("250 recipient\r\n")
        }

        @Test func onlyWhatIsListedIsTold() throws {
            try withClient { _, client, upstream in
                try upstream.greet(["XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"])
                try upstream.answer(
                    "XCLIENT ADDR=192.0.2.1 PORT=4711 NAME=[UNAVAILABLE] HELO=client.example PROTO=ESMTP "
                        + "DESTADDR=198.51.100.2 DESTPORT=25", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(client, upstream)
            }
            try withClient { _, client, upstream in
                try upstream.greet(["XCLIENT ADDR"])
                try upstream.answer("XCLIENT ADDR=192.0.2.1", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(client, upstream)
            }
        }

        @Test func itMayBeTurnedOff() throws {
            try withClient({ $0.upstream.tellsOfClient = false }) { _, client, upstream in
                try upstream.greet(["XCLIENT ADDR", "XFORWARD ADDR"])
                try takeMail(client, upstream)
            }
        }

        @Test func anUpstreamThatTakesItBackIsNotTrusted() throws {
            try withClient { _, client, upstream in
                try upstream.greet(["XCLIENT ADDR"])
                try upstream.answer("XCLIENT ADDR=192.0.2.1", "550 5.7.0 not you")
                try client.expectReply("451 4.3.5 Upstream does not take what it must know")
                try upstream.expectEnd()
            }
            try withClient({ $0.upstream.goesOnWithoutXCLIENT = true }) { _, client, upstream in
                try upstream.greet(["XCLIENT ADDR"])
                try upstream.answer("XCLIENT ADDR=192.0.2.1", "550 5.7.0 not you")
                try takeMail(client, upstream)
            }
        }

        @Test func whatItHasAgainstTheClientIsTold() throws {
            try withClient { _, client, upstream in
                try upstream.greet(["XCLIENT ADDR"])
                try upstream.answer("XCLIENT ADDR=192.0.2.1", "554 5.7.1 listed")
                try client.expect("554 5.7.1 listed\r\n")
                try upstream.expectEnd()
            }
        }

        @Test(arguments: ["250 fine", "503 what?"]) func xforwardIsForTheLogAlone(_ reply: String) throws {
            try withClient { _, client, upstream in
                try upstream.greet(["XFORWARD ADDR HELO"])
                try upstream.answer("XFORWARD ADDR=192.0.2.1 HELO=client.example", reply)
                try takeMail(client, upstream)
            }
        }

        @Test func theLoginIsToldInXtext() throws {
            let setup = Setup.envelope { setup in
                setup.authenticate { _ in .accepted(Acceptance(login: Array("joe+x=y".utf8))) }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)\r\n")
                let upstream = try relay.introducedUpstream(["XCLIENT LOGIN"])
                try upstream.answer("XCLIENT LOGIN=joe+2Bx+3Dy", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
            }
        }

        @Test func ehloMayHaveTheClientsName() throws {
            try withClient({ $0.upstream.usesClientsName = true }) { _, client, upstream in
                try upstream.send(Dialogue.greeting)
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(client, upstream)
            }
        }

        @Test func aProxyHeaderGoesFirst() throws {
            try withClient({ $0.upstream.proxyHeader = OutgoingProxyHeader(version: .v1) }) { _, client, upstream in
                #expect(try upstream.proxyLine() == "PROXY TCP4 192.0.2.1 198.51.100.2 4711 25")
                try upstream.greet()
                try takeMail(client, upstream)
            }
        }

        // MARK: XCLIENT of a trusted client

        @Test func aTrustedClientMaySpeakForAnother() throws {
            let noted = Noted()
            let setup = Setup.envelope { setup in
                setup.envelope.xclientTrusted = [.of("127.0.0.0/8")]
                setup.envelope.authentication.withoutIt = .isRefused
                setup.policies = { _ in
                    let check = ScriptedCheck([.connect]) { _, facts in
                        noted.note(facts.client.host)
                        return .accept
                    }
                    return ListenerPolicies(gate: StageGate([StageGate.Entry(check)]))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.greetedClient()
                try client.ask("EHLO c", "250-relay.example")
                try client.expect("250 XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n")
                try client.ask("XCLIENT FOO=bar", "501 5.5.4 Attribute not known")
                try client.ask(Self.mail, "530 5.7.0 Authentication required")
                try client.ask(
                    "XCLIENT ADDR=192.0.2.7 PORT=99 NAME=mx.example.org LOGIN=joe", "220 relay.example ESMTP")
                // It is another now, who may not.
                try client.ask("EHLO other.example", "250 relay.example")
                try client.ask("XCLIENT ADDR=192.0.2.8", "550 5.7.0 Not authorised to do that")
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(["XCLIENT ADDR PORT NAME LOGIN"])
                try upstream.answer(
                    "XCLIENT ADDR=192.0.2.7 PORT=99 NAME=mx.example.org LOGIN=joe", "220 again")
                try upstream.answer("EHLO other.example", "250 mx.example")
                try takeMail(client, upstream)
                client.close()
                upstream.close()
                let record = try relay.record()
                #expect(record["client"] == "192.0.2.7:99")
                #expect(record["login"] == "joe")
                #expect(noted.all == ["127.0.0.1", "192.0.2.7"])
            }
        }

        @Test func itCountsAsTheOneItSpeaksFor() throws {
            let setup = Setup.envelope { setup in
                setup.envelope.xclientTrusted = [.of("127.0.0.0/8")]
                setup.limits.sessionsPerAddressMax = 1
            }
            try withRelay(setup) { relay in
                let tooMany = "421 4.7.0 Too many sessions from your address"
                let first = try relay.greetedClient()
                try first.ask("XCLIENT ADDR=192.0.2.7", "220 relay.example ESMTP")
                // The trusted client's own place is free again, and the other's is taken.
                let second = try relay.greetedClient()
                let third = try relay.client()
                try third.expectReply(tooMany)
                try third.isLeft()
                try second.ask("XCLIENT PORT=99", "220 relay.example ESMTP")
                try second.ask("XCLIENT ADDR=192.0.2.7", tooMany)
                try second.isLeft()
                try first.ask("QUIT", "221 2.0.0 Bye")
                try first.isLeft()
                for _ in 0..<3 { _ = try relay.record() }
                let again = try relay.greetedClient()
                try again.ask("XCLIENT ADDR=192.0.2.7", "220 relay.example ESMTP")
            }
        }
    }
}
