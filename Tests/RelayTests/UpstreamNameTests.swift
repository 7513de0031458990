import Lookup
import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Servers that have names, and names that have several addresses.
    @Suite struct UpstreamNameTests {
        private func setup(_ names: NameServer, _ port: UInt16) -> Setup {
            Setup { setup in
                setup.upstream.servers = [.host("mx.test.example", port: port)]
                setup.resolver.servers = [names.address]
                setup.resolver.timeout = .seconds(5)
                setup.resolver.searchesDomains = false
            }
        }

        private func serve(_ relay: TestRelay, _ server: LoopbackServer) throws -> LoggedSession {
            let client = try relay.client()
            let upstream = relay.remembered(try server.accept())
            try upstream.send(Dialogue.greeting)
            try client.expect(Dialogue.greeting)
            client.close()
            upstream.close()
            return try relay.record()
        }

        /// Nobody listens at the first two; the third is tried first from then on.
        @Test func oneAddressAfterTheOther() throws {
            let server = try LoopbackServer()
            let names = try NameServer([[127, 0, 0, 2], [127, 0, 0, 3], [127, 0, 0, 1]], seconds: 250)
            try withRelay(setup(names, server.address.port)) { relay in
                for _ in 0..<3 {
                    let record = try serve(relay, server)
                    #expect(record["upstream"] == "mx.test.example:\(server.address.port)")
                }
                #expect(relay.tallies[0][.connectFailures] == 0 && relay.tallies[0][.connects] == 3)
            }
            // For IPv4 and IPv6, once.
            #expect(names.questions == 2)
        }

        @Test func tenAddressesWithoutOneThatAnswers() throws {
            let port = try LoopbackServer.closedAddress().port
            let names = try NameServer((2...11).map { [127, 0, 0, $0] }, seconds: 250)
            try withRelay(setup(names, port)) { relay in
                let client = try relay.client()
                #expect(try client.line().hasPrefix(UpstreamPoolTests.unavailable))
                #expect(relay.tallies[0][.connectFailures] == 1)
                #expect(relay[.sessionsUpstreamConnectFail] == 1)
            }
        }

        @Test func anAnswerIsKeptForAsLongAsItSays() throws {
            let server = try LoopbackServer()
            let names = try NameServer([[127, 0, 0, 1]], seconds: 0)
            try withRelay(setup(names, server.address.port)) { relay in
                _ = try serve(relay, server)
                let asked = names.questions
                _ = try serve(relay, server)
                #expect(names.questions >= asked)
            }
        }

        @Test func aDrainDoesNotWaitForANameServer() throws {
            let names = try NameServer([], seconds: 0, isSilent: true)
            var setup = setup(names, 25)
            setup.resolver.timeout = .seconds(2)
            setup.resolver.tries = 2
            setup.upstream.connectTimeout = .seconds(20)
            try withRelay(setup) { relay in
                let client = try relay.client()
                while names.questions == 0 { relay.settle() }
                relay.beginDrain(deadline: .seconds(20))
                #expect(try client.line().hasPrefix("421 4.3.2 "))
                #expect(names.questions <= 2, "before it is asked again for IPv4 and IPv6")
                client.close()
                relay.drained()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        /// A resolver's bad minute does not stop the mail.
        @Test func whatWasKnownIsUsedOn() throws {
            let server = try LoopbackServer()
            let names = try NameServer([[127, 0, 0, 1]], seconds: 0)
            var setup = setup(names, server.address.port)
            setup.resolver.timeout = .milliseconds(500)
            try withRelay(setup) { relay in
                _ = try serve(relay, server)
                names.fallSilent()
                _ = try serve(relay, server)
                #expect(try relay.log.message("name not resolved, its last addresses stay in use").contains("mx.test"))
            }
        }

        /// That there is none is an answer, too.
        @Test func aNameThatIsGoneIsGone() throws {
            let server = try LoopbackServer()
            let names = try NameServer([[127, 0, 0, 1]], seconds: 0)
            try withRelay(setup(names, server.address.port)) { relay in
                _ = try serve(relay, server)
                names.answer([], seconds: 0)
                #expect(try relay.client().line().hasPrefix(UpstreamPoolTests.unavailable))
            }
        }

        @Test func aNameThatLeadsNowhere() throws {
            let names = try NameServer([], seconds: 0)
            try withRelay(setup(names, 25)) { relay in
                let client = try relay.client()
                #expect(try client.line().hasPrefix(UpstreamPoolTests.unavailable))
                client.close()
                #expect(try relay.record().end == "upstream_unreachable by upstream")
                #expect(try relay.log.message("upstream server not reachable").contains("name not resolved"))
            }
        }

        /// From the hosts file, which has it for both families as a rule.
        @Test func localhost() throws {
            let server = try LoopbackServer()
            try withRelay(Setup { $0.upstream.servers = [.host("localhost", port: server.address.port)] }) { relay in
                _ = try serve(relay, server)
            }
        }
    }
}
