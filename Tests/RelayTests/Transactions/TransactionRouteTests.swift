import Lookup
import Policy
import Relay
import Ring
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// Recipients of one message that go to different places, and messages that do.
    @Suite struct TransactionRouteTests {
        private static let differs = "452 4.5.3 Recipient goes elsewhere, send it a message of its own"

        private func withServers(
            _ count: Int, _ multiRoute: TransactionSettings.MultiRoute = .putOff,
            _ body: (TestRelay, Servers, Peer) throws -> Void
        ) throws {
            let servers = try Servers(count)
            let setup = Setup.transactions {
                $0.route(to: servers.addresses)
                $0.transactions.multiRoute = multiRoute
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try body(relay, servers, client)
            }
        }

        private func rcpt(_ name: String) -> String { "RCPT TO:<\(name)@example.com>" }

        /// The next connection to a server, which greets.
        private func upstream(_ relay: TestRelay, _ servers: Servers, _ place: Int) throws -> Peer {
            let upstream = relay.remembered(try servers.all[place].accept())
            try upstream.greet()
            return upstream
        }

        private func deliver(_ client: Peer, _ upstream: Peer) throws {
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("250 ok\r\n")
            try client.expect("250 ok\r\n")
        }

        @Test func anotherRouteIsPutOffAndTheTransactionGoesOn() throws {
            try withServers(2) { relay, servers, client in
                try client.send(rcpt("a1") + "\r\n")
                let first = try upstream(relay, servers, 0)
                try first.takeEnvelope(rcpt: rcpt("a1"))
                try client.expect("250 2.1.5 recipient\r\n")
                try client.ask(rcpt("b1"), Self.differs)
                try client.send(rcpt("a2") + "\r\n")
                try first.answer(rcpt("a2"), "250 second")
                try client.expect("250 second\r\n")
                try client.ask(rcpt("b2"), Self.differs)
                try deliver(client, first)
                // The others have their own message, and their own connection.
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(rcpt("b1") + "\r\n")
                let second = try upstream(relay, servers, 1)
                try second.takeEnvelope(rcpt: rcpt("b1"))
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, second)
                try first.expect("QUIT\r\n")
                try first.expectEnd()
                #expect(try !servers.areCalled())
            }
        }

        @Test func allMayGoWhereTheFirstGoes() throws {
            try withServers(2, .first) { relay, servers, client in
                try client.send(rcpt("b1") + "\r\n")
                let first = try upstream(relay, servers, 1)
                try first.takeEnvelope(rcpt: rcpt("b1"))
                try client.expect("250 2.1.5 recipient\r\n")
                try client.send(rcpt("a1") + "\r\n")
                try first.answer(rcpt("a1"), "250 second")
                try client.expect("250 second\r\n")
                try deliver(client, first)
                #expect(try !servers.areCalled())
            }
        }

        /// What is not accepted decides nothing: the seed of this relay went on talking to where its first recipient
        /// had failed.
        @Test func aRefusedFirstRecipientDecidesNothing() throws {
            try withServers(2) { relay, servers, client in
                try client.send(rcpt("a1") + "\r\n")
                let first = try upstream(relay, servers, 0)
                try first.answer(Said.mail, "250 sender")
                try first.answer(rcpt("a1"), "550 5.1.1 nobody")
                try client.expect("550 5.1.1 nobody\r\n")
                try client.send(rcpt("b1") + "\r\n")
                try first.expect("QUIT\r\n")
                let second = try upstream(relay, servers, 1)
                try second.takeEnvelope(rcpt: rcpt("b1"))
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, second)
            }
        }

        @Test func theSameServerIsAskedOnTheSameConnection() throws {
            try withServers(1) { relay, servers, client in
                try client.send(rcpt("a1") + "\r\n")
                let first = try upstream(relay, servers, 0)
                try first.answer(Said.mail, "250 sender")
                try first.answer(rcpt("a1"), "550 5.1.1 nobody")
                try client.expect("550 5.1.1 nobody\r\n")
                try client.send(rcpt("a2") + "\r\n")
                try first.answer(rcpt("a2"), "250 better")
                try client.expect("250 better\r\n")
                try deliver(client, first)
            }
        }

        /// A server that cannot be reached, or that fails on the way to RCPT, leaves nothing behind.
        enum Failure: CaseIterable {
            case isNotThere, closes, refusesEHLO, defersMAIL, refusesMAIL, closesInMAIL, leavesInMAIL
        }

        @Test(arguments: Failure.allCases, [false, true])
        func aFailedFirstRecipientLeavesNothingHalfOpen(_ failure: Failure, _ goesElsewhere: Bool) throws {
            let servers = try Servers(2)
            let absent = try LoopbackServer.closedAddress()
            let setup = Setup.transactions {
                $0.route(to: [failure == .isNotThere ? absent : servers.addresses[0], servers.addresses[1]])
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(rcpt("a1") + "\r\n")
                let first = failure == .isNotThere ? nil : relay.remembered(try servers.all[0].accept())
                try client.expectReply(try play(failure, first))
                if failure == .isNotThere, !goesElsewhere {
                    return try client.ask(rcpt("a2"), "451 4.4.1 Upstream not reachable")
                }
                let name = goesElsewhere ? "b1" : "a2"
                try client.send(rcpt(name) + "\r\n")
                let isKept = failure == .defersMAIL || failure == .refusesMAIL
                let next = try isKept && !goesElsewhere ? first : upstream(relay, servers, goesElsewhere ? 1 : 0)
                try next?.takeEnvelope(rcpt: rcpt(name))
                try client.expect("250 2.1.5 recipient\r\n")
                if let next { try deliver(client, next) }
            }
        }

        /// - Returns: what the client is told.
        private func play(_ failure: Failure, _ upstream: Peer?) throws -> String {
            guard let upstream else { return "451 4.4.1 Upstream not reachable" }
            switch failure {
            case .isNotThere, .closes:
                upstream.close()
                return "451 4.4.2 Upstream connection lost"
            case .refusesEHLO:
                try upstream.send(Dialogue.greeting)
                try upstream.answer("EHLO relay.example", "550 no")
                try upstream.answer("HELO relay.example", "550 no")
                return "451 4.4.1 Upstream not reachable"
            case .defersMAIL:
                try upstream.greet()
                try upstream.answer(Said.mail, "450 4.7.1 not now")
                return "450 4.7.1 not now"
            case .refusesMAIL:
                try upstream.greet()
                try upstream.answer(Said.mail, "550 5.7.1 not you")
                return "550 5.7.1 not you"
            case .closesInMAIL:
                try upstream.greet()
                try upstream.expect(Said.mail + "\r\n")
                upstream.close()
                return "451 4.4.2 Upstream connection lost"
            case .leavesInMAIL:
                try upstream.greet()
                try upstream.answer(Said.mail, "421 4.3.2 closing")
                return "451 4.4.1 Upstream closes its session"
            }
        }

        @Test func noRecipientNoMessage() throws {
            try withServers(1) { relay, servers, client in
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                try client.send(rcpt("a1") + "\r\n")
                let first = try upstream(relay, servers, 0)
                try first.answer(Said.mail, "250 sender")
                try first.answer(rcpt("a1"), "550 5.1.1 nobody")
                try client.expect("550 5.1.1 nobody\r\n")
                try client.ask("DATA", "554 5.5.1 No valid recipients")
                #expect(first.isQuiet)
            }
        }

        @Test func noRouteNoMessage() throws {
            let setup = Setup.transactions { setup in
                setup.policies = { _ in
                    var policies = ListenerPolicies()
                    policies.router = RefusingRouter()
                    return policies
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.ask(rcpt("a1"), "554 5.7.1 Relay access denied")
                try client.ask("DATA", "554 5.5.1 No valid recipients")
                #expect(try relay.isUpstreamAlone)
            }
        }

        private final class RefusingRouter: Router {
            func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route { .refuse(.relayDenied) }
        }

        @Test func tooManyRecipientsArePutOff() throws {
            try withRelay(.transactions { $0.transactions.recipientsMax = 2 }) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send(rcpt("2") + "\r\n")
                try upstream.answer(rcpt("2"), "250 second")
                try client.expect("250 second\r\n")
                try client.ask(rcpt("3"), "452 4.5.3 Too many recipients")
                try deliver(client, upstream)
            }
        }

        // MARK: LMTP

        @Test func lmtpHasOneRecipientAMessage() throws {
            try withRelay(.transactions { $0.upstream.transferProtocol = .lmtp }) { relay in
                let client = try relay.introducedClient()
                for number in 1...2 {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(rcpt("a") + "\r\n")
                    let upstream = try relay.upstream()
                    try upstream.send("220 lmtp.example LMTP\r\n")
                    try upstream.answer("LHLO relay.example", Peer.ehloReply(["PIPELINING"]))
                    try upstream.takeEnvelope(rcpt: rcpt("a"), isPipelined: true)
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.ask(rcpt("b"), "452 4.5.3 One recipient a message, send it a message of its own")
                    try deliver(client, upstream)
                    upstream.close()
                    relay.settle()
                    if number == 1 { relay.settle() }
                }
            }
        }
    }
}
