import Lookup
import Policy
import Relay
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// A router says where a session goes.
    @Suite struct EnvelopeRouteTests {
        private final class ScriptedRouter: Router {
            private let decide: @Sendable (SessionFacts) -> Route

            init(_ decide: @escaping @Sendable (SessionFacts) -> Route) { self.decide = decide }

            func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route { decide(facts) }
        }

        private static func setup(_ decide: @escaping @Sendable (SessionFacts) -> Route) -> Setup {
            .envelope { setup in
                setup.policies = { _ in
                    var policies = ListenerPolicies()
                    policies.router = ScriptedRouter(decide)
                    return policies
                }
            }
        }

        private func clientWithMail(_ relay: TestRelay) throws -> Peer {
            let client = try relay.introducedClient()
            try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
            try client.send("RCPT TO:<b@example.com>\r\n")
            return client
        }

        @Test func itNamesTheServer() throws {
            let servers = try Servers(1)
            let address = servers.addresses[0]
            let setup = Self.setup { facts in
                guard facts.candidate?.address == Array("b@example.com".utf8) else { return .unknown }
                return .to(Destination(upstream: "backend", server: .socket(address)))
            }
            try withRelay(setup) { relay in
                let client = try clientWithMail(relay)
                let upstream = try servers.all[0].accept()
                try upstream.greet()
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
                upstream.close()
                client.close()
                _ = try relay.record()
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test func itMayHaveNothingToSay() throws {
            try withRelay(Self.setup { _ in .unknown }) { relay in
                let client = try clientWithMail(relay)
                let upstream = try relay.introducedUpstream()
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
            }
        }

        private static let refusals: [(Route, String)] = [
            (.refuse(.notAuthorised), "550 5.7.0 Not authorised to do that"),
            (.unavailable, "451 4.3.0 Route lookup failed"),
            (.to(Destination(upstream: "nobody")), "451 4.3.0 Route lookup failed"),
        ]

        @Test(arguments: refusals.indices) func itMayRefuse(_ index: Int) throws {
            let (route, reply) = Self.refusals[index]
            try withRelay(Self.setup { _ in route }) { relay in
                let client = try clientWithMail(relay)
                try client.expectReply(reply)
                try client.ask("NOOP", "250 2.0.0 Ok")
                #expect(try relay.isUpstreamAlone)
            }
        }
    }
}
