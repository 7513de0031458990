import Policy
import Relay
import Ring
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// Whoever is put off has made no mistake, however often.
    @Suite struct TransactionBudgetTests {
        private static func setup(_ change: (inout Setup) -> Void) -> Setup {
            .transactions { setup in
                setup.envelope.errorsMax = 2
                change(&setup)
            }
        }

        /// Why a recipient is put off, and in which words.
        enum Reason: CaseIterable {
            case map, unknownUpstream, router, check, authenticator, connection

            var reply: String {
                switch self {
                case .map, .unknownUpstream: "451 4.3.0 Route lookup failed"
                case .router: "452 4.5.3 Recipient goes elsewhere"
                case .check, .authenticator: "45"
                case .connection: "451 4.4.1 Upstream not reachable"
                }
            }

            var setup: Setup {
                TransactionBudgetTests.setup { setup in
                    switch self {
                    case .map: setup.route { _ in .unavailable }
                    case .unknownUpstream: setup.route { _ in .to(Destination(upstream: "nowhere")) }
                    case .router:
                        setup.route { _ in .refuse(.multiRouteDeferred) }
                    case .check:
                        setup.policies = { _ in
                            let check = ScriptedCheck([.rcpt]) { _, _ in .unavailable }
                            return ListenerPolicies(gate: StageGate([StageGate.Entry(check)]))
                        }
                    case .authenticator:
                        setup.policies = { _ in
                            ListenerPolicies(
                                authenticator: ScriptedAuthenticator { attempt in
                                    .unavailable(attempt.unavailableReply, because: "away")
                                })
                        }
                        setup.envelope.authentication.withoutIt = .isAskedAbout
                    case .connection: setup.use(CounterStories.unreachable(1))
                    }
                }
            }
        }

        @Test(arguments: Reason.allCases) func puttingOffIsNoMistake(_ reason: Reason) throws {
            try withRelay(reason.setup) { relay in
                let client = try relay.introducedClient()
                for _ in 1...3 {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    for _ in 1...3 {
                        try client.send(Said.rcpt + "\r\n")
                        let line = try client.line()
                        #expect(line.hasPrefix(reason.reply), "\(line)")
                    }
                    // Who pipelines cannot know.
                    try client.ask("DATA", "554 5.5.1 No valid recipients")
                    try client.send("BDAT 3 LAST\r\nabc")
                    try client.expectReply("554 5.5.1 No valid recipients")
                    try client.ask("RSET", "250 2.0.0 Ok")
                }
            }
        }

        /// Who authenticates while nobody can say, either.
        @Test(arguments: [true, false]) func neitherIsAUTH(_ isPassedOn: Bool) throws {
            let setup = Self.setup { setup in
                setup.use(CounterStories.unreachable(1))
                setup.authenticate { attempt in
                    isPassedOn ? .passedOn : .unavailable(attempt.unavailableReply, because: "away")
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                for _ in 1...5 {
                    try client.send("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)\r\n")
                    let line = try client.line()
                    #expect(line.hasPrefix("45"), "\(line)")
                }
                try client.ask("NOOP", "250 2.0.0 Ok")
            }
        }

        @Test func manyRoutesAreNoMistake() throws {
            let servers = try Servers(2)
            let setup = Self.setup { $0.route(to: servers.addresses) }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try servers.accept(relay).peer
                try upstream.greet()
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                for number in 1...30 {
                    try client.ask(
                        "RCPT TO:<b\(number)@example.com>",
                        "452 4.5.3 Recipient goes elsewhere, send it a message of its own")
                }
                try client.send("DATA\r\n")
                try upstream.takeMessage(from: client)
            }
        }

        @Test func aRefusalForGoodStillCounts() throws {
            let setup = Self.setup { $0.route { _ in .refuse(.relayDenied) } }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                for _ in 1...2 { try client.ask(Said.rcpt, "554 5.7.1 Relay access denied") }
                try client.send(Said.rcpt + "\r\n")
                try client.expectReply("421 4.7.0 Too many errors, closing connection")
                try client.isLeft()
            }
        }

        /// Nobody asks for ever.
        @Test func commandsHaveTheirLimitAllTheSame() throws {
            let setup = Self.setup { setup in
                setup.route { _ in .unavailable }
                setup.envelope.commandsMax = 10
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                for _ in 3...10 { try client.ask(Said.rcpt, "451 4.3.0 Route lookup failed") }
                try client.send(Said.rcpt + "\r\n")
                try client.expectReply("421 4.7.0 Too many errors, closing connection")
                try client.isLeft()
            }
        }
    }
}
