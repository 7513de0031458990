import Lookup
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// When a server is left alone, and when it has sessions again; and how many connections it has at most.
    @Suite struct UpstreamHealthTests {
        // MARK: Without probes

        private func passive(_ servers: Servers) -> Setup {
            UpstreamPoolTests.setup(servers) { setup in
                setup.upstream.health.fall = 2
                setup.upstream.health.interval = .milliseconds(400)
            }
        }

        /// A session whose first server fails, and whose second serves it.
        private func fail(_ relay: TestRelay, _ servers: Servers) throws {
            let client = try relay.client()
            let first = try servers.accept(relay)
            #expect(first.place == 0)
            first.peer.close()
            let second = try servers.accept(relay)
            try second.peer.send(Dialogue.greeting)
            try client.expect(Dialogue.greeting)
        }

        @Test func aServerThatFailsIsLeftAloneForAWhile() throws {
            let servers = try Servers(2)
            try withRelay(passive(servers)) { relay in
                try fail(relay, servers)
                let begun = Instant.current()
                try fail(relay, servers)
                #expect(relay.tallies.map { $0[.up] } == [0, 1])
                #expect(relay.tallies[0][.ejections] == 1)
                _ = try relay.log.message("upstream server is down")
                // One session finds out when the time is over, and it is up at once.
                var (place, session) = try servers.serve(relay)
                while place == 1 { (place, session) = try servers.serve(relay) }
                #expect(Instant.current() >= begun + .milliseconds(400))
                try session.greetBack()
                #expect(relay.tallies.map { $0[.up] } == [1, 1])
                _ = try relay.log.message("upstream server is up again")
                #expect(try servers.serve(relay).place == 0)
            }
        }

        /// Only failures in a row count.
        @Test func aSuccessForgivesFailures() throws {
            let servers = try Servers(2)
            try withRelay(passive(servers)) { relay in
                for _ in 0..<3 {
                    try fail(relay, servers)
                    let (place, session) = try servers.serve(relay)
                    #expect(place == 0)
                    try session.greetBack()
                }
                #expect(relay.tallies[0][.ejections] == 0)
            }
        }

        /// Where all are down, what is left is tried all the same.
        @Test func aServerThatIsDownIsBetterThanNone() throws {
            let servers = try Servers(1)
            try withRelay(passive(servers)) { relay in
                for _ in 0..<2 {
                    let client = try relay.client()
                    try servers.accept(relay).peer.close()
                    #expect(try client.line().hasPrefix("421 4.3.2 "))
                }
                #expect(relay.tallies[0][.up] == 0)
                #expect(try servers.serve(relay).place == 0)
            }
        }

        @Test(arguments: [true, false]) func theLogTellsOfChecksAndChoicesAtLevelDebug(isUp: Bool) throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            if !isUp { setup.use([try LoopbackServer.closedAddress()]) }
            let server = setup.upstream.servers[0].description
            setup.upstream.health.probe = .connect
            setup.upstream.health.interval = .milliseconds(20)
            try withRelay(setup) { relay in
                let check = try relay.log.message("health check \(isUp ? "passed" : "failed")")
                #expect(check.contains("\"level\":\"debug\"") && check.contains("\"server\":\"\(server)\""))
                let client = try relay.client()
                let chosen = try relay.log.message("upstream server chosen")
                #expect(chosen.contains("\"session\":\"") && chosen.contains("\"server\":\"\(server)\""))
                client.close()
            }
        }

        /// What a client can bring about is no failure of the server's: here an answer that repeats a long name.
        @Test func noClientHasAServerEjected() throws {
            let servers = try Servers(1)
            try withRelay(passive(servers)) { relay in
                for _ in 0..<3 {
                    let session = try servers.serve(relay).session
                    let name = String(repeating: "x", count: 1_000)
                    try session.client.send("EHLO \(name)\r\n")
                    try session.upstream.expect("EHLO \(name)\r\n")
                    try session.upstream.send("250 upstream.example greets \(name)\r\n")
                    #expect(try session.client.line().hasPrefix("421 4.3.0 "))
                    try session.end(relay)
                }
                #expect(relay.tallies.map { $0[.up] } == [1])
                #expect(relay.tallies[0][.failures] == 0)
                #expect(relay.counters.values(of: .upstreamFailures) == ["upstream_bad_reply": 3])
            }
        }

        /// One that greets and then says nothing is no better than one that is not there.
        @Test func aServerThatGreetsAndFallsSilentIsLeftAlone() throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            setup.listener.timeouts.reply = .milliseconds(50)
            try withRelay(setup) { relay in
                for _ in 0..<2 {
                    let session = try servers.serve(relay).session
                    try session.client.send(Dialogue.ehlo)
                    #expect(try session.client.line().hasPrefix("421 "))
                    try session.end(relay)
                }
                #expect(relay.tallies.map { $0[.up] } == [0])
            }
        }

        /// Sessions that outlive their server's place in the configuration have no say in what is counted of it.
        @Test func sessionsOfAServerThatHasLeftSayNothing() throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            setup.listener.timeouts.reply = .milliseconds(50)
            try withRelay(setup) { relay in
                let sessions = try (0..<4).map { _ in try servers.serve(relay).session }
                relay.retirePool()
                #expect(relay.tallies[0][.up] == 0)
                for session in sessions {
                    try session.client.send(Dialogue.ehlo)
                    #expect(try session.client.line().hasPrefix("421 "))
                    try session.end(relay)
                }
                #expect(relay.tallies[0][.up] == 0 && relay.tallies[0][.ejections] == 0)
            }
        }

        /// A client that stays after a refusal holds no connection of the server's.
        @Test func aRefusedClientTakesNobodysPlace() throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            setup.upstream.connectionsMax = 1
            try withRelay(setup) { relay in
                let refused = try relay.client()
                let upstream = try servers.accept(relay).peer
                try upstream.send("554 5.7.1 Not you\r\n")
                try refused.expect("554 5.7.1 Not you\r\n")
                try upstream.expectEnd()
                try servers.serve(relay).session.end(relay)
                try refused.send("QUIT\r\n")
                #expect(try refused.line().hasPrefix("221 "))
            }
        }

        @Test(arguments: [true, false]) func whoLeavesWaitsNoLonger(_ resets: Bool) throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            setup.upstream.connectionsMax = 1
            setup.upstream.waitTimeout = .seconds(20)
            try withRelay(setup) { relay in
                let first = try servers.serve(relay).session
                let waiting = try relay.client()
                relay.settle()
                if resets { waiting.reset() } else { waiting.finishRaw() }
                let record = try relay.record()
                #expect(record.end.hasSuffix(" by client") && record.phase == "connect")
                waiting.close()
                try first.end(relay)
                #expect(try !servers.areCalled())
            }
        }

        @Test func whoHasWaitedLongestIsNext() throws {
            let servers = try Servers(1)
            var setup = passive(servers)
            setup.upstream.connectionsMax = 1
            setup.upstream.waitTimeout = .seconds(20)
            try withRelay(setup) { relay in
                let first = try servers.serve(relay).session
                let waiting = try (0..<5).map { _ in
                    let client = try relay.client()
                    relay.settle()
                    return client
                }
                try first.end(relay)
                for client in waiting {
                    let upstream = try servers.accept(relay).peer
                    #expect(try !servers.areCalled())
                    try upstream.send(Dialogue.greeting)
                    try client.expect(Dialogue.greeting)
                    try Greeted(client: client, upstream: upstream).end(relay)
                }
            }
        }

        // MARK: With probes

        private func probing(_ servers: Servers, _ probe: UpstreamSettings.HealthPolicy.Probe) -> Setup {
            UpstreamPoolTests.setup(servers) { setup in
                setup.upstream.health.probe = probe
                setup.upstream.health.interval = .milliseconds(20)
                setup.upstream.health.timeout = .seconds(20)
                setup.upstream.health.fall = 2
                setup.upstream.health.rise = 3
            }
        }

        static let bad = ["", "220 only half", "554 No\r\n", "hello\r\n", "220 Hi\r\n502 No\r\n"]

        @Test(arguments: bad) func aProbeThatFails(_ answer: String) throws {
            let servers = try Servers(1)
            try withRelay(probing(servers, .ehlo)) { relay in
                for number in 1...2 {
                    #expect(relay.tallies[0][.up] == 1, "\(number)")
                    let probe = try servers.accept(relay).peer
                    // In pieces, so that each is an answer of its own.
                    for line in answer.split(separator: "\n", omittingEmptySubsequences: true) {
                        try probe.send(line.hasSuffix("\r") ? line + "\n" : String(line))
                        if line.hasPrefix("220 Hi") { try probe.expect("EHLO localhost\r\n") }
                    }
                    probe.close()
                }
                _ = try relay.log.message("upstream server is down")
                #expect(relay.tallies[0][.up] == 0 && relay.tallies[0][.failedChecks] == 2)
            }
        }

        /// Where no session goes on without STARTTLS, neither does a probe.
        @Test(arguments: [
            "250 upstream.example\r\n", "250 STARTTLS\r\n454 Not now\r\n", "250 STARTTLS\r\n220 Go\r\nand on\r\n",
            "250 STARTTLS\r\n220 Go\r\n",
        ])
        func aProbeThatFailsAtTLS(_ answers: String) throws {
            let servers = try Servers(1)
            var setup = probing(servers, .ehlo)
            setup.upstream.tls = .required
            setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(.root))
            try withRelay(setup) { relay in
                for _ in 1...2 {
                    let probe = try servers.accept(relay).peer
                    try probe.send(Dialogue.greeting)
                    try probe.expect("EHLO localhost\r\n")
                    let end = answers.firstRange(of: "\r\n").map(\.upperBound) ?? answers.endIndex
                    try probe.send("250-upstream.example\r\n" + answers[..<end])
                    if end < answers.endIndex {
                        try probe.expect("STARTTLS\r\n")
                        try probe.send(String(answers[end...]))
                        _ = try? probe.read(atLeast: 1)
                        try? probe.send("no TLS\r\n")
                    }
                    probe.close()
                }
                _ = try relay.log.message("upstream server is down")
                #expect(relay.tallies[0][.failedChecks] == 2)
            }
        }

        @Test func aProbeGreetsAgainInsideTLS() throws {
            let servers = try Servers(1)
            var setup = probing(servers, .ehlo)
            setup.upstream.tls = .required
            setup.upstream.tlsClient = TLSClientConfiguration(authorities: .none)
            try withRelay(setup) { relay in
                let probe = try servers.accept(relay).peer
                try probe.send(Dialogue.greeting)
                try probe.expect("EHLO localhost\r\n")
                try probe.send("250-upstream.example\r\n250 STARTTLS\r\n")
                try probe.expect("STARTTLS\r\n")
                try probe.send(Dialogue.ready)
                try probe.secureAsServer(try TLSServerContext(.test))
                try probe.expect("EHLO localhost\r\n")
                try probe.send(Dialogue.ehloReplyWithoutTLS)
                try probe.expect("QUIT\r\n")
                #expect(relay.tallies[0][.failedChecks] == 0)
            }
        }

        @Test func aProbeThatTakesTooLong() throws {
            let servers = try Servers(1)
            var setup = probing(servers, .ehlo)
            setup.upstream.health.timeout = .milliseconds(50)
            try withRelay(setup) { relay in
                _ = try relay.log.message("upstream server is down")
            }
        }

        @Test func aServerComesBackAfterAsManyGoodProbes() throws {
            let servers = try Servers(1)
            try withRelay(probing(servers, .ehlo)) { relay in
                for _ in 0..<2 { try servers.accept(relay).peer.close() }
                _ = try relay.log.message("upstream server is down")
                for _ in 0..<3 {
                    #expect(relay.tallies[0][.up] == 0)
                    let probe = try servers.accept(relay).peer
                    try probe.send(Dialogue.greeting)
                    try probe.expect("EHLO localhost\r\n")
                    try probe.send(Dialogue.ehloReply)
                    try probe.expect("QUIT\r\n")
                }
                _ = try relay.log.message("upstream server is up again")
                #expect(relay.tallies[0][.up] == 1)
            }
        }

        @Test func aConnectionIsEnoughForTheSimpleProbe() throws {
            let servers = try Servers(1)
            try withRelay(probing(servers, .connect)) { relay in
                for _ in 0..<4 { try servers.accept(relay).peer.expectEnd() }
                #expect(relay.tallies[0][.up] == 1 && relay.tallies[0][.failedChecks] == 0)
            }
            let closed = try LoopbackServer.closedAddress()
            try withRelay(
                Setup { setup in
                    setup.use([closed])
                    setup.upstream.health.probe = .connect
                    setup.upstream.health.interval = .milliseconds(20)
                }
            ) { relay in
                _ = try relay.log.message("upstream server is down")
                // More may have failed since.
                #expect(relay.log.messages.count { $0.contains("health check failed") } == 3)
                #expect(relay.tallies[0][.failedChecks] >= 3)
            }
        }

        /// Sessions go elsewhere while a server is down.
        @Test func probesDecideForSessions() throws {
            let servers = try Servers(2)
            try withRelay(probing(servers, .ehlo)) { relay in
                while relay.tallies[0][.up] == 1 {
                    let (place, probe) = try servers.accept(relay)
                    if place == 0 { probe.close() }
                }
                let client = try relay.client()
                let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
                while !client.hasInput(withinMilliseconds: 5), Instant.current() < deadline {
                    guard try servers.areCalled() else { continue }
                    let (place, peer) = try servers.accept(relay)
                    if place == 1 { try peer.send(Dialogue.greeting) } else { peer.close() }
                }
                try client.expect(Dialogue.greeting)
                client.close()
                #expect(try relay.record()["upstream"] == "\(servers.addresses[1])")
            }
        }

        // MARK: Connections

        private func limited(_ servers: Servers, wait: Duration) -> Setup {
            UpstreamPoolTests.setup(servers) { setup in
                setup.upstream.connectionsMax = 1
                setup.upstream.waitTimeout = wait
            }
        }

        @Test func aFullServerIsPassedOver() throws {
            let servers = try Servers(2)
            try withRelay(limited(servers, wait: .milliseconds(200))) { relay in
                let first = try servers.serve(relay)
                #expect(first.place == 0)
                #expect(try servers.serve(relay).place == 1)
                let third = try relay.client()
                #expect(try third.line().hasPrefix(UpstreamPoolTests.unavailable))
                try third.expectEnd()
                third.close()
                let record = try relay.record()
                #expect(record.end == "upstream_full by mailrace" && record.phase == "connect")
                #expect(relay[.sessionsUpstreamFull] == 1 && relay[.sessionsUpstreamConnectFail] == 0)
                try first.session.end(relay)
                #expect(try servers.serve(relay).place == 0)
            }
        }

        @Test func whoWaitsHasTheNextPlace() throws {
            let servers = try Servers(1)
            try withRelay(limited(servers, wait: .seconds(20))) { relay in
                let (_, first) = try servers.serve(relay)
                let second = try relay.client()
                relay.settle()
                #expect(try second.isQuiet && !servers.areCalled())
                try first.end(relay)
                let upstream = try servers.accept(relay).peer
                try upstream.send(Dialogue.greeting)
                try second.expect(Dialogue.greeting)
                #expect(relay.tallies[0].connections == 1)
            }
        }

        @Test func aDrainEndsTheWait() throws {
            let servers = try Servers(1)
            try withRelay(limited(servers, wait: .seconds(60))) { relay in
                _ = try servers.serve(relay)
                let second = try relay.client()
                relay.settle()
                relay.beginDrain(deadline: .seconds(60))
                #expect(try second.line().hasPrefix("421 4.3.2 Service shutting down ["))
            }
        }
    }
}
