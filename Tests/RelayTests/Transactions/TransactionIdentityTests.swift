import Policy
import Relay
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// Nobody's mail goes as somebody else's, and nobody's goes at all who may not send any.
    @Suite struct TransactionIdentityTests {
        private static let plain = "AUTH PLAIN \(EnvelopeAuthenticationTests.plain)"
        private static let required = "530 5.7.0 Authentication required"

        private func rcpt(_ name: String) -> String { "RCPT TO:<\(name)@example.com>" }

        /// What was said in the clear does not count inside TLS (RFC 3207 section 4.2), the login included: it may be
        /// that of somebody in between.
        @Test func aLoginInTheClearDoesNotCountInsideTLS() throws {
            try withRelay(.transactions(.offer) { $0.authenticateAll() }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.plain, EnvelopeAuthenticationTests.success)
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                try client.introduce()
                try client.ask(Said.mail, Self.required)
                try client.ask(Self.plain, EnvelopeAuthenticationTests.success)
                try client.ask(Said.mail, "250 2.1.0 Ok")
            }
        }

        /// A trusted client speaks for one client after the other: what the first has shown is not the second's.
        @Test func credentialsAreNotThoseOfTheNextClient() throws {
            let setup = Setup.transactions {
                $0.authenticateAll()
                $0.envelope.authentication.withoutIt = .passes
                $0.envelope.xclientTrusted = [.of("127.0.0.0/8")]
                $0.upstream.authenticatesClients = true
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.plain, EnvelopeAuthenticationTests.success)
                try client.ask("XCLIENT ADDR=192.0.2.7", "220 relay.example ESMTP")
                try client.introduce()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// An upstream that is told of the client may have something against the client's name, which the client is to
        /// hear; what it has against Mailrace's is nothing to bounce for.
        @Test(arguments: Name.allCases) func aRefusedNameIsToldToWhoseItIs(_ name: Name) throws {
            try withRelay(.transactions { $0.upstream.usesClientsName = name == .clients }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.upstream()
                let said = name == .clients ? "client.example" : "relay.example"
                if name == .clientsByXCLIENT {
                    try upstream.greet(["XCLIENT HELO"])
                    try upstream.answer("XCLIENT HELO=client.example", "220 mx.example")
                    try upstream.answer("EHLO client.example", "550 5.7.1 not by that name")
                } else {
                    try upstream.send(Dialogue.greeting)
                    try upstream.answer("EHLO \(said)", "550 5.7.1 not by that name")
                    try upstream.answer("HELO \(said)", "550 5.7.1 not by that name")
                }
                if name == .mailraces {
                    try client.expectReply("451 4.4.1 Upstream not reachable")
                } else {
                    try client.expect("550 5.7.1 not by that name\r\n")
                }
                try client.ask("NOOP", "250 2.0.0 Ok")
            }
        }

        enum Name: CaseIterable { case mailraces, clients, clientsByXCLIENT }

        /// Where each recipient is asked about, a yes that names a login is none for the others.
        @Test func everyRecipientIsAskedAbout() throws {
            try withRelay(Self.asked { $0 == "anna" ? .accepted(Acceptance(login: Array($0.utf8))) : Self.no }) {
                relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(rcpt("anna") + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.takeEnvelope(rcpt: rcpt("anna"))
                try client.expect("250 2.1.5 recipient\r\n")
                try client.ask(rcpt("bob"), "535 5.7.8 Authentication credentials invalid")
                #expect(upstream.isQuiet)
                try client.send("DATA\r\n")
                try upstream.takeMessage(from: client)
            }
        }

        /// The upstream has been told one login: a recipient that another one is accepted for comes in a message of its
        /// own, also where all go with the first.
        @Test(arguments: [TransactionSettings.MultiRoute.putOff, .first])
        func recipientsOfTwoLoginsGoApart(_ multiRoute: TransactionSettings.MultiRoute) throws {
            var setup = Self.asked { .accepted(Acceptance(login: Array($0.utf8))) }
            setup.transactions.multiRoute = multiRoute
            setup.route { facts in
                let isOther = facts.recipients.contains { $0.address != facts.candidate?.address }
                return .to(Destination(upstream: "backend", verifiesTLS: isOther ? false : nil))
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                for name in ["anna", "bob"] {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(rcpt(name) + "\r\n")
                    let upstream = try relay.introducedUpstream(["XCLIENT LOGIN"])
                    try upstream.answer("XCLIENT LOGIN=\(name)", "220 mx.example")
                    try upstream.answer("EHLO client.example", "250 mx.example")
                    try upstream.takeEnvelope(rcpt: rcpt(name))
                    try client.expect("250 2.1.5 recipient\r\n")
                    let other = name == "anna" ? "bob" : "anna"
                    try client.ask(rcpt(other), "452 4.5.3 Recipient goes elsewhere, send it a message of its own")
                    try client.send("DATA\r\n")
                    try upstream.takeMessage(from: client)
                    #expect(try relay.log.transaction(name == "anna" ? 1 : 2)["login"] == name)
                }
            }
        }

        /// Whoever may not send cannot come to, by whatever it says in between.
        @Test(arguments: ["RSET", "EHLO client.example", "NOOP", "AUTH PLAIN *", "BDAT 0 LAST"])
        func nobodyComesToMayWithoutALogin(_ command: String) throws {
            let setup = Setup.transactions {
                $0.authenticate { _ in .refused(Refusal(reply: .authenticationFailed)) }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                for _ in 1...2 {
                    try client.ask(Said.mail, Self.required)
                    try client.ask(Said.rcpt, "503 5.5.1 Bad sequence of commands")
                    try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                    try client.send(command + "\r\n")
                    while try client.line().dropFirst(3).first == "-" {}
                }
                #expect(try relay.isUpstreamAlone)
            }
        }

        private static let no = AuthenticationOutcome.refused(Refusal(reply: .authenticationFailed))

        /// The authenticator is asked about each recipient.
        private static func asked(_ decide: @escaping @Sendable (String) -> AuthenticationOutcome) -> Setup {
            .transactions { setup in
                setup.authenticate { attempt in
                    let address = attempt.facts.candidate?.address ?? []
                    return decide(String(decoding: address.prefix { $0 != UInt8(ascii: "@") }, as: UTF8.self))
                }
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
        }
    }
}
