import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// The upstream decides who the client is, and each transaction goes its own way.
    @Suite struct TransactionAuthenticationTests {
        private static let plain = EnvelopeAuthenticationTests.plain
        private static let auth = "AUTH PLAIN \(plain)"

        private static func asking(_ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .transactions { setup in
                setup.authenticate(by: [.plain]) { _ in .passedOn }
                setup.policies = { _ in ListenerPolicies(authenticator: UpstreamAuthenticator("relayed")) }
                change(&setup)
            }
        }

        private func deliver(_ client: Peer, _ upstream: Peer) throws {
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("250 ok\r\n")
            try client.expect("250 ok\r\n")
        }

        /// The connection that has said yes takes the messages, too.
        @Test func itsYesIsTheClients() throws {
            try withRelay(Self.asking()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "530 5.7.0 Authentication required")
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.auth, "235 fine")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                for _ in 1...2 { try deliver(client, upstream) }
                #expect(try relay.isUpstreamAlone)
                try client.ask("QUIT", "221 2.0.0 Bye")
                try upstream.expect("QUIT\r\n")
                try client.isLeft()
                let record = try relay.record()
                #expect(record["login"] == "user" && record["decision"] == "accepted")
            }
        }

        /// Where there may be no more connections, nobody keeps one for having authenticated.
        @Test func whoHasSaidNothingSinceMakesRoom() throws {
            try withRelay(Self.asking { $0.upstream.connectionsMax = 1 }) { relay in
                let clients = try (0..<2).map { _ in try relay.introducedClient() }
                var upstream: Peer?
                func reached() throws -> Peer {
                    if let upstream {
                        try upstream.expect("QUIT\r\n")
                        try upstream.expectEnd()
                    }
                    let next = try relay.introducedUpstream(["AUTH PLAIN"])
                    try next.answer(Self.auth, "235 fine")
                    upstream = next
                    return next
                }
                for client in clients {
                    try client.send(Self.auth + "\r\n")
                    _ = try reached()
                    try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                }
                for client in clients {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(Said.rcpt + "\r\n")
                    let next = try reached()
                    try next.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.send("DATA\r\n")
                    try next.takeMessage(from: client)
                }
            }
        }

        /// Whoever comes later is shown the same.
        @Test func anotherConnectionIsShownTheSame() throws {
            try withRelay(Self.asking()) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.auth, "235 fine")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                upstream.close()
                relay.settle()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let next = try relay.introducedUpstream(["AUTH PLAIN"])
                try next.answer(Self.auth, "235 fine")
                try next.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// Where mail goes besides, nobody is shown a password that is not meant for it.
        @Test func nobodyElseIsShownIt() throws {
            let servers = try Servers(1)
            let setup = Self.asking { setup in
                setup.route(to: servers.addresses)
                let routed = setup.policies
                setup.policies = { ring in
                    var policies = routed(ring)
                    policies.authenticator = UpstreamAuthenticator("relayed")
                    return policies
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.auth, "235 fine")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let other = try servers.accept(relay).peer
                try other.greet(["AUTH PLAIN"])
                try other.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test func itsNoIsTheClientsWhoMayTryAgain() throws {
            try withRelay(Self.asking()) { relay in
                let client = try relay.introducedClient()
                try client.send(Self.auth + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer(Self.auth, "535 5.7.8 not you")
                try client.expect("535 5.7.8 not you\r\n")
                try upstream.expectEnd()
                try client.ask(Said.mail, "530 5.7.0 Authentication required")
                try client.send(Self.auth + "\r\n")
                let next = try relay.introducedUpstream(["AUTH PLAIN"])
                try next.answer(Self.auth, "235 fine")
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                try deliver(client, next)
            }
        }
    }
}
