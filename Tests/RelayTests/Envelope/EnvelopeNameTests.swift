import Lookup
import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// The client's host name: looked up meanwhile, and waited for where somebody wants it.
    @Suite struct EnvelopeNameTests {
        private static let mail = "MAIL FROM:<a@example.org>"
        private static let rcpt = "RCPT TO:<b@example.com>"

        /// What is looked up, and when it is found.
        private final class Names: Sendable {
            let asked = Noted()
            private let isOpen = Locked(false)
            let result: HostName

            init(_ result: HostName = .known("client.example.net", timeToLive: .seconds(60)), isOpen: Bool = false) {
                self.result = result
                self.isOpen.withLock { $0 = isOpen }
            }

            func open() { isOpen.withLock { $0 = true } }

            var question: @Sendable (Ring) -> HostNames.Question {
                { ring in
                    { [self] octets, _ in
                        asked.note(SocketAddress(octets: octets, port: 0).host)
                        while !isOpen.withLock({ $0 }) { await ring.sleep(until: ring.now) }
                        return result
                    }
                }
            }
        }

        private static func setup(_ names: Names, _ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .envelope { setup in
                setup.names = names.question
                setup.listener.proxyProtocol = .init(trusted: [.of("127.0.0.0/8")])
                change(&setup)
            }
        }

        /// A client from 192.0.2.1 whose RCPT has been said.
        private func clientWithMail(_ relay: TestRelay) throws -> Peer {
            let client = try relay.client(behind: Proxied.client("192.0.2.1"))
            try client.expect(TestRelay.envelopeGreeting)
            try client.introduce()
            try client.ask(Self.mail, "250 2.1.0 Ok")
            try client.send(Self.rcpt + "\r\n")
            return client
        }

        private func takeMail(_ client: Peer, _ upstream: Peer) throws {
            try upstream.answer(Self.mail, "250 sender")
            try upstream.answer(Self.rcpt, "250 recipient")
            try client.expect("250 recipient\r\n")
        }

        @Test func onlyTheUpstreamThatWantsItWaits() throws {
            let names = Names()
            try withRelay(Self.setup(names)) { relay in
                let first = try clientWithMail(relay)
                let upstream = try relay.introducedUpstream(["XCLIENT ADDR"])
                try upstream.answer("XCLIENT ADDR=192.0.2.1", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(first, upstream)
                #expect(relay.counters.values(of: .clientNames).isEmpty)

                let second = try clientWithMail(relay)
                let wanting = try relay.introducedUpstream(["XCLIENT NAME"])
                relay.settle()
                names.open()
                try wanting.answer("XCLIENT NAME=client.example.net", "220 again")
                try wanting.answer("EHLO client.example", "250 mx.example")
                try takeMail(second, wanting)
                #expect(names.asked.all == ["192.0.2.1"])
                #expect(relay.counters.values(of: .clientNames) == ["known": 1])
            }
        }

        @Test func xforwardTellsItToo() throws {
            try withRelay(Self.setup(Names(isOpen: true))) { relay in
                let client = try clientWithMail(relay)
                let upstream = try relay.introducedUpstream(["XFORWARD NAME"])
                try upstream.answer("XFORWARD NAME=client.example.net", "250 fine")
                try takeMail(client, upstream)
            }
        }

        @Test(arguments: zip([HostName.none, .failed], ["[UNAVAILABLE]", "[TEMPUNAVAIL]"]))
        func whereThereIsNoneThatIsTold(_ name: HostName, _ told: String) throws {
            try withRelay(Self.setup(Names(name, isOpen: true))) { relay in
                let client = try clientWithMail(relay)
                let upstream = try relay.introducedUpstream(["XCLIENT NAME"])
                try upstream.answer("XCLIENT NAME=\(told)", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(client, upstream)
            }
        }

        /// Asks for the name, and notes what it is told.
        private final class CuriousAuthenticator: Authenticator {
            let name = "curious"
            let needsClientName = true
            private let noted: Noted

            init(_ noted: Noted) { self.noted = noted }

            func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
                noted.note(attempt.facts.clientName.text)
                return .refused(Refusal(reply: .authenticationFailed))
            }
        }

        private static func curious(_ names: Names, _ noted: Noted) -> Setup {
            setup(names) { setup in
                setup.envelope.authentication.withoutIt = .isAskedAbout
                setup.policies = { _ in ListenerPolicies(authenticator: CuriousAuthenticator(noted)) }
            }
        }

        @Test func anAuthenticatorIsToldIt() throws {
            let (names, noted) = (Names(), Noted())
            try withRelay(Self.curious(names, noted)) { relay in
                let client = try clientWithMail(relay)
                relay.settle()
                #expect(noted.all.isEmpty)
                names.open()
                _ = try client.line()
                #expect(noted.all == ["client.example.net"])
            }
        }

        @Test func aDrainEndsTheWait() throws {
            let (names, noted) = (Names(), Noted())
            try withRelay(Self.curious(names, noted)) { relay in
                let client = try clientWithMail(relay)
                relay.settle()
                relay.beginDrain(deadline: .seconds(10))
                try client.expectReply("421 4.3.2 Service shutting down")
                try client.isLeft()
                names.open()
            }
            #expect(noted.all.isEmpty)
        }

        /// A name belongs to its address.
        @Test func whoSpeaksForAnotherHasTheOthersName() throws {
            let names = Names(isOpen: true)
            let setup = Self.setup(names) { $0.envelope.xclientTrusted = [.of("192.0.2.1/32")] }
            try withRelay(setup) { relay in
                let client = try relay.client(behind: Proxied.client("192.0.2.1"))
                try client.expect(TestRelay.envelopeGreeting)
                try client.ask("XCLIENT ADDR=192.0.2.7", "220 relay.example ESMTP")
                try client.introduce()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(["XCLIENT ADDR NAME"])
                try upstream.answer("XCLIENT ADDR=192.0.2.7 NAME=client.example.net", "220 again")
                try upstream.answer("EHLO client.example", "250 mx.example")
                try takeMail(client, upstream)
                #expect(names.asked.all == ["192.0.2.1", "192.0.2.7"])
            }
        }
    }
}
