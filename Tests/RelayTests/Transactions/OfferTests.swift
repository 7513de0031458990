import Lookup
import Policy
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What clients are offered where each transaction goes its own way.
    @Suite struct OfferTests {
        /// Without anything that an upstream would have to do.
        static let cautious = ["PIPELINING", "SIZE 26214400", "ENHANCEDSTATUSCODES", "CHUNKING"]
        static let everything = [
            "PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "REQUIRETLS",
            "DELIVERBY",
            "LIMITS RCPTMAX=50 MAILMAX=3",
        ]
        static let passedOn = [
            "PIPELINING", "SIZE 1000", "ENHANCEDSTATUSCODES", "CHUNKING", "8BITMIME", "DSN", "SMTPUTF8", "BINARYMIME",
            "LIMITS RCPTMAX=50",
        ]

        /// Servers whose health checks begin at once, and do not come again.
        private func probed(_ servers: Servers, _ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .transactions { setup in
                setup.use(servers.addresses)
                setup.upstream.hostname = "relay.example"
                setup.upstream.health.probe = .ehlo
                setup.upstream.health.interval = .seconds(600)
                setup.upstream.health.timeout = .seconds(20)
                change(&setup)
            }
        }

        // MARK: What the upstreams have

        @Test func nothingOfAnUpstreamIsOfferedThatNobodyHasAsked() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.cautious)
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test func whatTheServerHasIsOffered() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers)) { relay in
                try servers.answerProbe(relay, Self.everything)
                #expect(try relay.greetedClient().offers() == Self.passedOn)
            }
        }

        @Test func onlyWhatAllServersHaveIsOffered() throws {
            let servers = try Servers(2)
            try withRelay(probed(servers)) { relay in
                for _ in 0..<2 {
                    let (place, peer) = try servers.accept(relay)
                    try peer.send(Dialogue.greeting)
                    let offer = place == 0 ? ["SIZE 5000", "8BITMIME", "DSN"] : ["SIZE 4000", "SMTPUTF8", "DSN"]
                    try peer.answer("EHLO relay.example", Peer.ehloReply(offer))
                    try peer.expect("QUIT\r\n")
                }
                let expected = ["PIPELINING", "SIZE 4000", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"]
                #expect(try relay.greetedClient().offers() == expected)
            }
        }

        /// Addresses in UTF-8 come with text in UTF-8 (RFC 6531 section 3.1), and binary content with chunks (RFC 3030
        /// section 3).
        @Test func whatIsOfNoUseAloneIsNotOfferedAlone() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers)) { relay in
                try servers.answerProbe(relay, ["SMTPUTF8", "BINARYMIME"])
                #expect(try relay.greetedClient().offers() == Self.cautious)
            }
        }

        @Test func aServerThatFailsHasNoSay() throws {
            let servers = try Servers(2)
            try withRelay(probed(servers)) { relay in
                for _ in 0..<2 {
                    let (place, peer) = try servers.accept(relay)
                    guard place == 0 else {
                        peer.close()
                        continue
                    }
                    try peer.send(Dialogue.greeting)
                    try peer.answer("EHLO relay.example", Peer.ehloReply(["DSN"]))
                }
                _ = try relay.log.message("upstream server fails")
                #expect(try relay.greetedClient().offers() == Self.cautious + ["DSN"])
            }
        }

        @Test func sessionsLearnFromEachOther() throws {
            try withRelay(.transactions()) { relay in
                _ = try relay.transaction(["8BITMIME", "SIZE 77"])
                let expected = ["PIPELINING", "SIZE 77", "ENHANCEDSTATUSCODES", "CHUNKING", "8BITMIME"]
                #expect(try relay.greetedClient().offers() == expected)
            }
        }

        /// A size of ours that is smaller, and none at all.
        @Test(arguments: [(500, "SIZE 500"), (0, "SIZE 1000")])
        func theSmallerSizeCounts(_ own: Int, _ line: String) throws {
            let servers = try Servers(1)
            try withRelay(probed(servers) { $0.transactions.messageBytesMax = own }) { relay in
                try servers.answerProbe(relay, ["SIZE 1000"])
                let offers = try relay.greetedClient().offers()
                #expect(offers[1] == line)
            }
            try withRelay(.transactions { $0.transactions.messageBytesMax = 0 }) { relay in
                let offers = try relay.greetedClient().offers()
                #expect(offers[1] == "SIZE")
            }
        }

        // MARK: TLS

        @Test(arguments: [UpstreamSettings.TLSPolicy.opportunistic, .required, .mirror])
        func whatIsOfferedInsideTLSCounts(_ policy: UpstreamSettings.TLSPolicy) throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.listener.starttls = .offer
                setup.listener.tls = .test
                setup.upstream.tls = policy
                setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(.root))
            }
            try withRelay(setup) { relay in
                let probe = try servers.accept(relay).peer
                try probe.send(Dialogue.greeting)
                try probe.answer("EHLO relay.example", Peer.ehloReply(["DSN", "STARTTLS"]))
                try probe.expect("STARTTLS\r\n")
                try probe.takeTLS()
                try probe.answer("EHLO relay.example", Peer.ehloReply(["8BITMIME", "REQUIRETLS"]))
                try probe.expect("QUIT\r\n")
                let client = try relay.greetedClient()
                let outside = policy == .mirror ? "DSN" : "8BITMIME"
                #expect(try client.offers() == Self.cautious + [outside, "STARTTLS"])
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                // Nobody else may see what must stay within TLS (RFC 8689 section 4.1).
                let inside = policy == .opportunistic ? ["8BITMIME"] : ["8BITMIME", "REQUIRETLS"]
                #expect(try client.offers() == Self.cautious + inside)
            }
        }

        @Test func whereTLSFailsSessionsDoWithoutAndSoDoesTheOffer() throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.upstream.tls = .opportunistic
                setup.upstream.tlsClient = TLSClientConfiguration(authorities: .none)
            }
            try withRelay(setup) { relay in
                let probe = try servers.accept(relay).peer
                try probe.send(Dialogue.greeting)
                try probe.answer("EHLO relay.example", Peer.ehloReply(["DSN", "STARTTLS"]))
                try probe.answer("STARTTLS", "454 4.7.0 Not now")
                try probe.expect("QUIT\r\n")
                #expect(try relay.greetedClient().offers() == Self.cautious + ["DSN"])
                #expect(relay.tallies[0][.failedChecks] == 0)
            }
        }

        // MARK: Waiting

        @Test func theFirstClientWaitsForTheProbe() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers)) { relay in
                let client = try relay.greetedClient()
                try client.send("NOOP\r\nEHLO client.example\r\n")
                // What came before is not held up.
                try client.expect("250 2.0.0 Ok\r\n")
                try servers.answerProbe(relay, ["DSN"])
                #expect(try client.offered() == Self.cautious + ["DSN"])
            }
        }

        @Test func nobodyWaitsForEver() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers)) { relay in
                let probe = try servers.accept(relay).peer
                let begun = Instant.current()
                #expect(try relay.greetedClient().offers() == Self.cautious)
                #expect(begun + .seconds(1) <= Instant.current())
                // Nobody else waits.
                let client = try relay.greetedClient()
                try client.send("EHLO client.example\r\n")
                #expect(try client.offered() == Self.cautious)
                #expect(Instant.current() < begun + .seconds(20))
                probe.close()
            }
        }

        @Test func aDrainEndsTheWait() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers)) { relay in
                let client = try relay.greetedClient()
                try client.send("EHLO client.example\r\n")
                relay.settle()
                relay.beginDrain(deadline: .seconds(60))
                #expect(try client.line().hasPrefix("421 4.3.2 Service shutting down ["))
            }
        }

        // MARK: The configuration

        @Test func whatIsConfiguredIsOfferedAndNothingElse() throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.envelope.capabilities = ["SIZE 7", "X-OWN"]
                // Nobody hurries it.
                setup.upstream.health.interval = .milliseconds(100)
            }
            try withRelay(setup) { relay in
                try servers.answerProbe(relay, Self.everything)
                #expect(try relay.greetedClient().offers() == ["SIZE 7", "X-OWN"])
            }
        }

        @Test func whatIsHiddenIsNotOffered() throws {
            let servers = try Servers(1)
            let setup = probed(servers) { $0.listener.ehlo.hidden = [.chunking, .binaryMIME, .dsn, .limits, .size] }
            try withRelay(setup) { relay in
                try servers.answerProbe(relay, Self.everything)
                let expected = ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"]
                #expect(try relay.greetedClient().offers() == expected)
            }
        }

        @Test func whoSaysHELOIsOfferedNothing() throws {
            try withRelay(.transactions()) { relay in
                try relay.greetedClient().ask("HELO client.example", "250 relay.example")
            }
        }

        /// Its server answers for each recipient apart.
        @Test func lmtpTakesOneRecipientAMessage() throws {
            let servers = try Servers(1)
            try withRelay(probed(servers) { $0.upstream.transferProtocol = .lmtp }) { relay in
                let probe = try servers.accept(relay).peer
                try probe.send(Dialogue.greeting)
                try probe.answer("LHLO relay.example", Peer.ehloReply(["8BITMIME"]))
                try probe.expect("QUIT\r\n")
                #expect(try relay.greetedClient().offers() == Self.cautious + ["8BITMIME", "LIMITS RCPTMAX=1"])
            }
        }

        // MARK: Routers

        @Test(arguments: [TransactionSettings.MultiRoute.putOff, .first])
        func recipientsThatGoApartAreALimit(_ multiRoute: TransactionSettings.MultiRoute) throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.transactions.multiRoute = multiRoute
                setup.policies = { _ in ListenerPolicies(router: FixedRouter(["backend"])) }
            }
            try withRelay(setup) { relay in
                try servers.answerProbe(relay, ["DSN"])
                let limits = multiRoute == .putOff ? ["LIMITS RCPTDOMAINMAX=1"] : []
                #expect(try relay.greetedClient().offers() == Self.cautious + ["DSN"] + limits)
            }
        }

        @Test(
            "Where mail may go to servers that nobody knows, nothing of theirs is offered",
            arguments: [nil, ["backend", "elsewhere"], []] as [Set<String>?])
        func unknown(_ upstreams: Set<String>?) throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.policies = { _ in ListenerPolicies(router: FixedRouter(upstreams)) }
            }
            try withRelay(setup) { relay in
                if upstreams?.contains("backend") == true { try servers.answerProbe(relay, ["DSN"]) }
                #expect(try relay.greetedClient().offers() == Self.cautious + ["LIMITS RCPTDOMAINMAX=1"])
            }
        }

        @Test func aRouterThatNamesServersOfWhichItCannotTellSaysNothingOfThem() throws {
            let servers = try Servers(1)
            let setup = probed(servers) { setup in
                setup.policies = { _ in ListenerPolicies(router: FixedRouter(["backend"], servers: nil)) }
            }
            try withRelay(setup) { relay in
                try servers.answerProbe(relay, ["DSN"])
                #expect(try relay.greetedClient().offers() == Self.cautious + ["LIMITS RCPTDOMAINMAX=1"])
            }
        }
    }
}
