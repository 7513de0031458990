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
    /// What clients are offered where maps name servers that are no upstreams.
    @Suite struct NamedServerTests {
        /// Recipients may go apart.
        private static func offer(_ more: String...) -> [String] {
            OfferTests.cautious + more + ["LIMITS RCPTDOMAINMAX=1"]
        }

        /// Servers that are probed at once and not again, unless it is soon.
        private func naming(
            _ reach: FixedRouter.Reach, interval: Duration = .seconds(600), _ change: (inout Setup) -> Void = { _ in }
        ) -> Setup {
            .transactions { setup in
                setup.upstream.hostname = "relay.example"
                setup.upstream.health.probe = .ehlo
                setup.upstream.health.interval = interval
                setup.upstream.health.timeout = .seconds(20)
                setup.policies = { _ in ListenerPolicies(router: FixedRouter(reach)) }
                change(&setup)
            }
        }

        /// The upstream whose settings hold has servers of its own: nothing goes there.
        @Test func onlyWhatAllOfThemHaveIsOffered() throws {
            let servers = try Servers(2)
            try withRelay(naming(FixedRouter.Reach(servers: servers.addresses))) { relay in
                for _ in 0..<2 {
                    let (place, peer) = try servers.accept(relay)
                    try peer.answerProbe(place == 0 ? ["8BITMIME", "DSN"] : ["DSN", "CHUNKING"])
                }
                #expect(try relay.greetedClient().offers() == Self.offer("DSN"))
            }
        }

        @Test func whatTheUpstreamsHaveCountsToo() throws {
            let (servers, own) = (try Servers(1), try Servers(1))
            let named = Destination(upstream: "backend", server: .socket(servers.addresses[0]))
            let reach = FixedRouter.Reach(RouterReach(upstreams: ["backend"], servers: [named]))
            try withRelay(naming(reach) { $0.use(own.addresses) }) { relay in
                try servers.answerProbe(relay, ["8BITMIME", "DSN"])
                try own.answerProbe(relay, ["8BITMIME"])
                #expect(try relay.greetedClient().offers() == Self.offer("8BITMIME"))
            }
        }

        /// One of the upstream's own is not asked twice.
        @Test func aServerOfTheUpstreamMayStandInAMap() throws {
            let own = try Servers(2)
            let setup = naming(FixedRouter.Reach(servers: [own.addresses[1]])) { $0.use(own.addresses) }
            try withRelay(setup) { relay in
                for _ in 0..<2 {
                    let (place, peer) = try own.accept(relay)
                    try peer.answerProbe(place == 0 ? [] : ["DSN"])
                }
                #expect(try relay.greetedClient().offers() == Self.offer("DSN"))
                #expect(try !own.areCalled())
            }
        }

        @Test(arguments: [64, 65]) func manyAreAskedAndMoreAreNot(_ count: Int) throws {
            let servers = try Servers(count)
            try withRelay(naming(FixedRouter.Reach(servers: servers.addresses))) { relay in
                if count == 64 {
                    for _ in 0..<count { try servers.answerProbe(relay, ["DSN"]) }
                    #expect(try relay.greetedClient().offers() == Self.offer("DSN"))
                } else {
                    #expect(try relay.greetedClient().offers() == Self.offer())
                    #expect(try !servers.areCalled())
                }
            }
        }

        @Test func ofLMTPOneRecipientIsALimit() throws {
            let servers = try Servers(1)
            let setup = naming(FixedRouter.Reach(servers: servers.addresses)) { setup in
                setup.upstream.transferProtocol = .lmtp
            }
            try withRelay(setup) { relay in
                try servers.accept(relay).peer.answerProbe(["8BITMIME"], verb: "LHLO")
                let expected = OfferTests.cautious + ["8BITMIME", "LIMITS RCPTMAX=1"]
                #expect(try relay.greetedClient().offers() == expected)
            }
        }

        // MARK: Failures

        /// It has no say, and sessions hear nothing of it: nobody chooses among servers for this.
        @Test func aServerThatIsAwayIsLeftOut() throws {
            let servers = try Servers(1)
            let away = try LoopbackServer().address
            try withRelay(naming(FixedRouter.Reach(servers: servers.addresses + [away]))) { relay in
                try servers.answerProbe(relay, ["DSN"])
                _ = try relay.log.message("health check failed")
                #expect(try relay.greetedClient().offers() == Self.offer("DSN"))
                #expect(relay.tallies[0][.failedChecks] == 0 && relay.tallies[0][.up] == 1)
            }
            try withRelay(naming(FixedRouter.Reach(servers: [away]))) { relay in
                _ = try relay.log.message("health check failed")
                #expect(try relay.greetedClient().offers() == Self.offer())
            }
        }

        @Test func aServerThatIsBackHasItsSay() throws {
            let servers = try Servers(2)
            let setup = naming(FixedRouter.Reach(servers: servers.addresses), interval: .milliseconds(300))
            try withRelay(setup) { relay in
                var answers = [0, 0]
                while answers[0] < 2 {
                    let (place, peer) = try servers.accept(relay)
                    answers[place] += 1
                    guard place == 1 || answers[0] > 1 else {
                        peer.close()
                        _ = try relay.log.message("health check failed")
                        continue
                    }
                    try peer.answerProbe(place == 0 ? [] : ["DSN"])
                }
                #expect(try relay.greetedClient().offers() == Self.offer())
                #expect(relay.log.messages.filter { $0.contains("upstream server") }.isEmpty)
            }
        }

        // MARK: Changes

        @Test func aServerThatIsNamedNoMoreHasNoSayAndIsLeftAlone() throws {
            let servers = try Servers(2)
            let reach = FixedRouter.Reach(servers: servers.addresses)
            try withRelay(naming(reach, interval: .milliseconds(50))) { relay in
                func answer() throws -> Int {
                    let (place, peer) = try servers.accept(relay)
                    try peer.answerProbe(place == 0 ? ["DSN"] : ["DSN", "8BITMIME"])
                    return place
                }
                var asked = Set<Int>()
                while asked.count < 2 { asked.insert(try answer()) }
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.offer("DSN"))
                // Nobody says EHLO before it is looked at again.
                reach.become(RouterReach(servers: [servers.addresses[1]]))
                let places = try (0..<10).map { _ in try answer() }
                // One probe was on its way.
                #expect(places.count { $0 == 0 } <= 1 && places.suffix(5) == [1, 1, 1, 1, 1])
                #expect(try client.offers() == Self.offer("8BITMIME", "DSN"))
            }
        }

        /// The first clients that come afterwards wait, as those did that came first of all.
        @Test func aServerThatIsNewIsWaitedFor() throws {
            let servers = try Servers(2)
            let reach = FixedRouter.Reach(servers: [servers.addresses[0]])
            try withRelay(naming(reach)) { relay in
                // The first wait is over.
                let probe = try servers.accept(relay).peer
                #expect(try relay.greetedClient().offers() == Self.offer())
                try probe.answerProbe(["DSN", "8BITMIME"])
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.offer("8BITMIME", "DSN"))
                reach.become(RouterReach(servers: servers.addresses))
                try client.send("EHLO client.example\r\n")
                let (place, peer) = try servers.accept(relay)
                #expect(place == 1)
                try peer.answerProbe(["8BITMIME"])
                #expect(try client.offered() == Self.offer("8BITMIME"))
            }
        }

        @Test func aServerThatIsNamedAgainIsAskedAgain() throws {
            let servers = try Servers(1)
            let reach = FixedRouter.Reach(servers: servers.addresses)
            try withRelay(naming(reach, interval: .milliseconds(50))) { relay in
                try servers.answerProbe(relay, ["DSN"])
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.offer("DSN"))
                reach.become(RouterReach(upstreams: ["elsewhere"]))
                // It may be asked once more, as that was on its way.
                let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
                while relay.remains.tasks > Self.tasksOfClientAndPool, Instant.current() < deadline {
                    if try servers.areCalled() { try servers.answerProbe(relay, ["DSN"]) }
                }
                #expect(try client.offers() == Self.offer())
                reach.become(RouterReach(servers: servers.addresses))
                try client.send("EHLO client.example\r\n")
                try servers.answerProbe(relay, ["8BITMIME"])
                #expect(try client.offered() == Self.offer("8BITMIME"))
            }
        }

        /// The session of one client, and the probe of the upstream's own server.
        private static let tasksOfClientAndPool = 2

        @Test func aPoolThatHasEndedAsksNobody() throws {
            let servers = try Servers(2)
            let reach = FixedRouter.Reach(servers: [servers.addresses[0]])
            try withRelay(naming(reach)) { relay in
                try servers.answerProbe(relay, ["DSN"])
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.offer("DSN"))
                relay.retirePool()
                reach.become(RouterReach(servers: servers.addresses))
                #expect(try client.offers() == Self.offer())
                #expect(try !servers.areCalled())
            }
        }

        /// Where the listener's lines are configured nobody needs to know.
        @Test func nobodyIsAskedInVain() throws {
            let servers = try Servers(1)
            let setup = naming(FixedRouter.Reach(servers: servers.addresses)) { $0.envelope.capabilities = ["DSN"] }
            try withRelay(setup) { relay in
                let offers = try relay.greetedClient().offers()
                #expect(offers == ["DSN"])
                #expect(try !servers.areCalled())
            }
        }

        // MARK: TLS

        /// As the certificate of a server must be valid, or need not be, by the upstream's settings or by the map.
        @Test(arguments: [true, false], [nil, true, false] as [Bool?])
        func whatIsSaidInsideTLSCounts(_ isEnforced: Bool, _ verifies: Bool?) throws {
            let servers = try Servers(1)
            let reach = FixedRouter.Reach(servers: servers.addresses, verifiesTLS: verifies)
            let setup = naming(reach) { setup in
                setup.listener.starttls = .offer
                setup.listener.tls = .test
                setup.upstream.tls = .required
                setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(.root))
                setup.upstream.tlsClient?.isEnforced = isEnforced
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
                #expect(try client.offers() == Self.offer("8BITMIME") + ["STARTTLS"])
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                let inside = verifies ?? isEnforced ? ["8BITMIME", "REQUIRETLS"] : ["8BITMIME"]
                #expect(try client.offers() == OfferTests.cautious + inside + ["LIMITS RCPTDOMAINMAX=1"])
            }
        }

        /// Nobody can send mail there.
        @Test(arguments: [nil, true, false] as [Bool?])
        func aCertificateThatIsNotValidIsAFailureWhereItMustBe(_ verifies: Bool?) throws {
            let servers = try Servers(1)
            let reach = FixedRouter.Reach(servers: servers.addresses, verifiesTLS: verifies)
            let setup = naming(reach) { setup in
                setup.upstream.tls = .required
                setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(.otherRoot))
            }
            try withRelay(setup) { relay in
                let probe = try servers.accept(relay).peer
                try probe.send(Dialogue.greeting)
                try probe.answer("EHLO relay.example", Peer.ehloReply(["STARTTLS"]))
                try probe.expect("STARTTLS\r\n")
                if verifies == false {
                    try probe.takeTLS()
                    try probe.answer("EHLO relay.example", Peer.ehloReply(["DSN"]))
                    try probe.expect("QUIT\r\n")
                } else {
                    #expect(throws: (any Error).self) {
                        try probe.takeTLS()
                        _ = try probe.line()
                    }
                    _ = try relay.log.message("health check failed")
                }
                let expected = verifies == false ? Self.offer("DSN") : Self.offer()
                #expect(try relay.greetedClient().offers() == expected)
            }
        }

        // MARK: Without probes

        @Test func sessionsLearnFromEachOther() throws {
            let servers = try Servers(1)
            let reach = FixedRouter.Reach(servers: servers.addresses)
            let place = ServerAddress.socket(servers.addresses[0])
            let setup = naming(reach) { setup in
                setup.upstream.health.probe = .off
                setup.policies = { _ in
                    ListenerPolicies(
                        router: FixedRouter(reach) { _ in .to(Destination(upstream: "backend", server: place)) })
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.greetedClient()
                #expect(try client.offers() == Self.offer())
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let peer = try servers.accept(relay).peer
                try peer.greet(["8BITMIME"])
                try peer.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                #expect(try relay.greetedClient().offers() == Self.offer("8BITMIME"))
            }
        }
    }
}
