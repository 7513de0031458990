import Lookup
import Policy
import Relay
import Ring
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// The connection of a session carries one message after the other, as long as it can be known for whose.
    @Suite struct TransactionLinkTests {
        private func deliver(_ client: Peer, _ upstream: Peer) throws {
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("250 ok\r\n")
            try client.expect("250 ok\r\n")
        }

        private func begin(_ client: Peer) throws {
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
        }

        /// What a server may do when it is asked for the next message.
        enum Death: CaseIterable {
            case hasClosed, hasSaid421, closes, resets, says421
        }

        /// Nothing of the message has been answered: it can be said again.
        @Test(arguments: Death.allCases, [false, true])
        func aDeadConnectionIsReplacedUnseen(_ death: Death, _ pipelines: Bool) throws {
            let capabilities = pipelines ? ["PIPELINING"] : []
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data(capabilities)
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                switch death {
                case .hasClosed: upstream.close()
                case .hasSaid421:
                    try upstream.send("421 4.4.2 idle\r\n")
                    upstream.close()
                default: break
                }
                relay.settle()
                try begin(client)
                switch death {
                case .hasClosed, .hasSaid421: break
                case .closes, .resets, .says421:
                    try upstream.expect(Said.mail + "\r\n")
                    if death == .says421 { try upstream.send("421 4.4.2 idle\r\n") }
                    if death == .resets { upstream.reset() } else { upstream.close() }
                }
                let next = try relay.introducedUpstream(capabilities)
                try next.takeEnvelope(isPipelined: pipelines)
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, next)
            }
        }

        /// Once it has answered, its loss is the client's to hear of.
        @Test func aConnectionThatHasAnsweredIsNotReplaced() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try deliver(client, upstream)
                try begin(client)
                try upstream.answer(Said.mail, "250 sender")
                try upstream.expect(Said.rcpt + "\r\n")
                upstream.close()
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try client.send(Said.rcpt + "\r\n")
                try relay.introducedUpstream().takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test(arguments: [[], ["PIPELINING"]]) func rsetIsPassedOnWithTheNext(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                try client.ask("RSET", "250 2.0.0 Ok")
                #expect(upstream.isQuiet)
                try begin(client)
                if capabilities.isEmpty {
                    try upstream.answer("RSET", "250 reset")
                    try upstream.takeEnvelope()
                } else {
                    try upstream.expect("RSET\r\n\(Said.mail)\r\n\(Said.rcpt)\r\n")
                    try upstream.send("250 reset\r\n250 sender\r\n250 2.1.5 recipient\r\n")
                }
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, upstream)
            }
        }

        // MARK: For whom

        @Test func xforwardIsSaidOfEachMessage() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try begin(client)
                let upstream = try relay.introducedUpstream(["XFORWARD HELO"])
                for _ in 1...2 {
                    try upstream.answer("XFORWARD HELO=client.example", "250 noted")
                    try upstream.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try deliver(client, upstream)
                    try begin(client)
                }
            }
        }

        /// It takes the session for the client's, by XCLIENT: for this client it goes on, for another name it ends.
        @Test func xclientHoldsForTheClientItWasSaidOf() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try begin(client)
                let upstream = try relay.introducedUpstream(["XCLIENT HELO"])
                try upstream.answer("XCLIENT HELO=client.example", "220 mx.example")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, upstream)
                try begin(client)
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, upstream)
                try client.send("EHLO other.example\r\n")
                while try client.line().hasPrefix("250-") {}
                try begin(client)
                try upstream.expect("QUIT\r\n")
                let next = try relay.introducedUpstream(["XCLIENT HELO"])
                try next.answer("XCLIENT HELO=other.example", "220 mx.example")
            }
        }

        // MARK: Authentication

        private static let plain = "AUTH PLAIN \(EnvelopeAuthenticationTests.plain)"

        @Test func authenticationDialsNobody() throws {
            try withRelay(.transactions { $0.authenticateAll() }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.plain, EnvelopeAuthenticationTests.success)
                #expect(try relay.isUpstreamAlone)
                for _ in 1...2 {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.ask("RSET", "250 2.0.0 Ok")
                }
                try begin(client)
                let upstream = try relay.introducedUpstream()
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try deliver(client, upstream)
            }
        }

        /// Each upstream that is to be shown the client's credentials is.
        @Test func credentialsAreShownToEachUpstream() throws {
            let setup = Setup.transactions {
                $0.authenticateAll()
                $0.upstream.authenticatesClients = true
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.plain, EnvelopeAuthenticationTests.success)
                for _ in 1...2 {
                    try begin(client)
                    let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                    try upstream.answer(Self.plain, "235 2.7.0 ok")
                    try upstream.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try deliver(client, upstream)
                    upstream.close()
                    relay.settle()
                }
            }
        }

        /// The upstream decides: the connection that it decided on is the one for the mail.
        @Test func theUpstreamMayDecide() throws {
            let setup = Setup.transactions {
                $0.authenticate { _ in .passedOn }
                $0.upstream.authenticatesClients = true
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.plain + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.plain, "235 2.7.0 ok")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                for _ in 1...2 {
                    try begin(client)
                    try upstream.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try deliver(client, upstream)
                }
            }
        }

        /// Who is asked about each recipient says where it goes, and for that one alone.
        @Test func aRecipientsDecisionIsARoute() throws {
            let servers = try Servers(2)
            let addresses = servers.addresses
            let setup = Setup.transactions { setup in
                setup.authenticate { attempt in
                    let isFirst = attempt.facts.candidate?.address.first == UInt8(ascii: "a")
                    return .accepted(Acceptance(login: nil, server: .socket(addresses[isFirst ? 0 : 1])))
                }
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try begin(client)
                let first = relay.remembered(try servers.all[0].accept())
                try first.greet()
                try first.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try client.ask(
                    "RCPT TO:<b@example.com>", "452 4.5.3 Recipient goes elsewhere, send it a message of its own")
                try deliver(client, first)
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send("RCPT TO:<b@example.com>\r\n")
                let second = relay.remembered(try servers.all[1].accept())
                try second.greet()
                try second.takeEnvelope(rcpt: "RCPT TO:<b@example.com>")
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }
    }
}
