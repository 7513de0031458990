import Lookup
import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What the log and the figures have of a message.
    @Suite struct TransactionRecordTests {
        private static var routed: ListenerPolicies {
            var policies = ListenerPolicies()
            policies.router = NamingRouter()
            return policies
        }

        private func values(_ relay: TestRelay, _ family: CounterFamily) -> [String: UInt64] {
            relay.counters.values(of: family)
        }

        @Test func anAcceptedMessage() throws {
            try withRelay(.transactions { $0.policies = { _ in Self.routed } }) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250-2.0.0 well\r\n250 2.0.0 queued as 7\r\n")
                try client.expect("250-2.0.0 well\r\n250 2.0.0 queued as 7\r\n")
                let line = try relay.log.transaction(1)
                let expected = [
                    "sender": "s@example.org", "recipients": "[a@example.com]", "recipients_accepted": "1",
                    "recipients_refused": "0", "size": "\(Said.body.utf8.count)", "chunked": "false",
                    "source": "letters", "route": "backend", "upstream": "\(relay.server.address)",
                    "reused": "false", "outcome": "accepted", "code": "250", "reply": "2.0.0 queued as 7",
                    "origin": "upstream",
                ]
                for (name, value) in expected { #expect(line[name] == value, "\(name)") }
                for name in ["fault", "login", "upstream_tls"] { #expect(line[name] == nil) }
                for name in ["total_ms", "route_ms", "connect_ms", "envelope_ms", "data_ms", "final_ms"] {
                    #expect(line[name].flatMap { Int($0) } != nil, "\(name)")
                }
                #expect(values(relay, .messages) == ["accepted": 1])
                #expect(values(relay, .routeLookups) == ["found": 1])
                let route = MessageRoute(source: "letters", upstream: "backend", outcome: .accepted)
                #expect(relay.counters.routeValues == [route: 1])
                for histogram in [
                    Histogram.routeLookup, .messageDuration, .messageData, .messageFinalReply, .messageSize,
                ] {
                    #expect(relay.counters.value(of: histogram).total == 1, "\(histogram)")
                }
                #expect(relay.counters.value(of: .messageSize).sum == UInt64(Said.body.utf8.count))
            }
        }

        @Test(arguments: [("451 4.7.1 later", "deferred"), ("550 5.7.1 never", "refused")])
        func oneThatIsNotAccepted(_ reply: String, _ outcome: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("\(reply)\r\n")
                try client.expect("\(reply)\r\n")
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == outcome && line["origin"] == "upstream")
                #expect(line["source"] == nil && line["route"] == "backend")
                let counted = relay.counters.routeValues.map { ($0.key.source, $0.key.outcome.rawValue, $0.value) }
                #expect(counted.count == 1 && counted[0] == ("direct", outcome, 1))
            }
        }

        @Test func oneWhoseReplyIsLost() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                upstream.close()
                #expect(try client.line().hasPrefix("451 4.4.2 "))
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == "ambiguous" && line["code"] == "451" && line["origin"] == "local")
                _ = try relay.log.message("the reply to a whole message was lost")
            }
        }

        @Test func oneThatIsNoGood() throws {
            try withRelay(.transactions()) { relay in
                let (client, _) = try relay.data()
                try client.send("x\ny\r\n.\r\n")
                #expect(try client.line().hasPrefix("550 5.5.2 "))
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == "refused" && line["fault"] == "bare_line_feed" && line["origin"] == "local")
                #expect(values(relay, .messageFaults) == ["bare_line_feed": 1])
            }
        }

        @Test func oneThatIsGivenUpInTheMiddle() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("half a mess")
                client.close()
                try upstream.expect("half a mess")
                try upstream.expectEnd()
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == "abandoned" && line["recipients_accepted"] == "1")
                #expect(line["code"] == nil && line["size"] != nil)
            }
        }

        @Test func oneThatNobodyGets() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Said.mail, "250 2.1.0 sender")
                try upstream.answer(Said.rcpt, "550 5.1.1 nobody")
                try client.expect("550 5.1.1 nobody\r\n")
                try client.ask("QUIT", "221 2.0.0 Bye")
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == "unsent" && line["recipients"] == nil && line["size"] == nil)
                #expect(line["recipients_refused"] == "1" && line["code"] == "550" && line["reply"] == "5.1.1 nobody")
                #expect(values(relay, .recipientRefusals) == ["550": 1])
                #expect(relay.counters.value(of: .messageDuration).total == 0)
            }
        }

        @Test func whereNobodyWasNamedThereIsNone() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask("QUIT", "221 2.0.0 Bye")
                _ = try relay.record()
                #expect(values(relay, .messages).isEmpty)
            }
        }

        /// A check that ends the session at the message has refused it: it was not the client that gave it up.
        @Test(arguments: ["DATA\r\n", "BDAT 1 LAST\r\nx"]) func oneThatACheckRefuses(_ command: String) throws {
            let setup = Setup.transactions { setup in
                setup.policies = { _ in
                    let check = ScriptedCheck([.data]) { _, _ in .refuse(.shuttingDown) }
                    return ListenerPolicies(gate: StageGate([StageGate.Entry(check)]))
                }
            }
            try withRelay(setup) { relay in
                let (client, _) = try relay.transaction()
                try client.send(command)
                try client.expectReply("421 4.3.2 Service shutting down")
                try client.isLeft()
                let line = try relay.log.transaction(1)
                #expect(line["outcome"] == "deferred")
                #expect(line["code"] == "421")
                #expect(line["origin"] == "local")
            }
        }
    }
}

/// Leads all to the listener's own upstream, and says by what.
private final class NamingRouter: Router {
    func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route {
        .to(Destination(upstream: "backend", source: "letters"))
    }
}
