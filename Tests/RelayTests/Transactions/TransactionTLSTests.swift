import Policy
import Relay
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing

extension RelaySuites {
    /// TLS with the servers that transactions go to.
    @Suite struct TransactionTLSTests {
        private static let failure = "451 4.7.5 Upstream TLS not available"

        private static func setup(
            _ policy: UpstreamSettings.TLSPolicy, authorities: TLSFile = .root, verifies: Bool? = nil,
            _ change: (inout Setup) -> Void = { _ in }
        ) -> Setup {
            .transactions { setup in
                setup.upstream.tls = policy
                setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(authorities))
                setup.upstream.tlsClient?.isEnforced = policy == .required
                setup.offerEverything()
                if let verifies {
                    setup.route { _ in .to(Destination(upstream: "backend", verifiesTLS: verifies)) }
                }
                change(&setup)
            }
        }

        private func begin(_ relay: TestRelay, _ parameters: String = "") throws -> (client: Peer, upstream: Peer) {
            let client = try relay.introducedClient()
            try client.ask(Said.mail + parameters, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            return (client, try relay.upstream())
        }

        // MARK: Failures

        enum Obstacle: CaseIterable {
            case notOffered, refused, badCertificate, closes
        }

        /// The client may try again, and nobody has been told of its mail.
        @Test(arguments: Obstacle.allCases) func withoutTLSThereIsNoMail(_ obstacle: Obstacle) throws {
            let setup = Self.setup(.required, authorities: obstacle == .badCertificate ? .otherRoot : .root)
            try withRelay(setup) { relay in
                let (client, upstream) = try begin(relay)
                try upstream.greet(obstacle == .notOffered ? [] : ["STARTTLS"])
                if obstacle != .notOffered { try upstream.expect("STARTTLS\r\n") }
                switch obstacle {
                case .notOffered: break
                case .refused: try upstream.send("454 4.7.0 not now\r\n")
                case .badCertificate: try? upstream.takeTLS()
                case .closes:
                    try upstream.send(Dialogue.goAhead)
                    upstream.close()
                }
                try client.expectReply(Self.failure)
                _ = try? upstream.readToEnd()
                #expect(!upstream.received.contains(Array("MAIL".utf8)))
                guard obstacle != .badCertificate else { return }
                try client.send(Said.rcpt + "\r\n")
                let next = try relay.upstream()
                try next.greetWithTLS()
                try next.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        // MARK: REQUIRETLS (RFC 8689)

        @Test func aVerifiedServerGetsWhatMustStayWithinTLS() throws {
            try withRelay(Self.setup(.required)) { relay in
                let (client, upstream) = try begin(relay, " REQUIRETLS")
                try upstream.greetWithTLS(["REQUIRETLS"])
                try upstream.takeEnvelope(Said.mail + " REQUIRETLS")
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// What may be missing.
        enum Lack: CaseIterable {
            case tls, soundCertificate, keyword
        }

        @Test(arguments: Lack.allCases) func nobodyElseDoes(_ lack: Lack) throws {
            let setup = Self.setup(.opportunistic, authorities: lack == .soundCertificate ? .otherRoot : .root)
            try withRelay(setup) { relay in
                let (client, upstream) = try begin(relay, " REQUIRETLS")
                switch lack {
                case .tls: try upstream.greet(["REQUIRETLS"])
                case .soundCertificate: try upstream.greetWithTLS(["REQUIRETLS"])
                case .keyword: try upstream.greetWithTLS()
                }
                try client.expectReply("550 5.7.30 REQUIRETLS support required")
                #expect(upstream.isQuiet)
                // For what need not, it is good enough.
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        // MARK: What the route says of certificates

        @Test func aRouteMayAskForMoreThanItsUpstream() throws {
            try withRelay(Self.setup(.opportunistic, authorities: .otherRoot, verifies: true)) { relay in
                let (client, upstream) = try begin(relay)
                try upstream.greet(["STARTTLS"])
                try upstream.expect("STARTTLS\r\n")
                try? upstream.takeTLS()
                try client.expectReply(Self.failure)
                // Least of all in the clear.
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test func aRouteMayAskForLess() throws {
            try withRelay(Self.setup(.required, authorities: .otherRoot, verifies: false)) { relay in
                let (client, upstream) = try begin(relay)
                try upstream.greetWithTLS()
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test func aSoundServerIsGoodForBoth() throws {
            try withRelay(Self.setup(.opportunistic, verifies: true)) { relay in
                let (client, upstream) = try begin(relay, " REQUIRETLS")
                try upstream.greetWithTLS(["REQUIRETLS"])
                try upstream.takeEnvelope(Said.mail + " REQUIRETLS")
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }
    }
}

extension Peer {
    /// As the upstream: greets and is taken into TLS.
    fileprivate func greetWithTLS(_ capabilities: [String] = []) throws {
        try greet(["STARTTLS"])
        try expect("STARTTLS\r\n")
        try takeTLS()
        try answer("EHLO relay.example", Peer.ehloReply(capabilities))
    }
}
