import Policy
import Relay
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What is counted and measured of a session up to its hand-off.
    @Suite struct EnvelopeMeasureTests {
        @Test func eachStepIsMeasured() throws {
            let setup = Setup.envelope { setup in
                setup.authenticateAll()
                setup.envelope.authentication.withoutIt = .passes
                setup.upstream.authenticatesClients = true
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)\r\n")
                let upstream = try relay.introducedUpstream(["XFORWARD ADDR", "AUTH PLAIN"])
                try upstream.answer("XFORWARD ADDR=127.0.0.1", "250 fine")
                try upstream.answer("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)", "235 fine")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                upstream.close()
                client.close()
                let record = try relay.record()
                #expect(record["login"] == "user" && record["decision"] == "accepted")
                #expect(record["upstream"] == "\(relay.server.address)")

                let other = try relay.introducedClient()
                try other.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try other.send("RCPT TO:<b@example.com>\r\n")
                let second = try relay.introducedUpstream()
                try second.answer("MAIL FROM:<>", "250 sender")
                try second.answer("RCPT TO:<b@example.com>", "250 recipient")
                try other.expect("250 recipient\r\n")
                func total(_ histogram: Histogram) -> UInt64 { relay.counters.value(of: histogram).total }
                #expect(total(.upstreamConnect) == 2 && total(.upstreamGreeting) == 2)
                #expect(total(.decisionDuration) == 1)
                #expect(total(.upstreamIdentity) == 1 && total(.upstreamAuthentication) == 1)
                #expect(total(.upstreamEnvelope) == 1)
                #expect(relay.counters.values(of: .authenticationAttempts) == ["plain": 1])
            }
        }

        @Test func refusalsAreCountedByTheirCode() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                try client.ask("ETRN x", "502 5.5.1 Command not implemented")
                try client.ask("BDAT 1", "503 5.5.1 Bad sequence of commands")
                try client.ask("NOOP", "250 2.0.0 Ok")
                #expect(relay.counters.values(of: .commandRefusals) == ["502": 1, "503": 2])
            }
        }
    }
}
