import Relay
import TestSupport
import Testing

extension RelaySuites {
    /// Behind the decision every reply that the upstream gave reaches the client, whoever leaves and however early.
    @Suite struct EnvelopeLossTests {
        private static let mail = EnvelopeUpstreamTests.mail
        private static let rcpt = EnvelopeUpstreamTests.rcpt

        /// A client whose first recipient has been taken.
        private func handedOff(_ relay: TestRelay) throws -> (client: Peer, upstream: Peer) {
            let client = try relay.introducedClient()
            try client.ask(Self.mail, "250 2.1.0 Ok")
            try client.send(Self.rcpt + "\r\n")
            let upstream = try relay.introducedUpstream()
            try upstream.answer(Self.mail, "250 sender")
            try upstream.answer(Self.rcpt, "250 recipient")
            try client.expect("250 recipient\r\n")
            return (client, upstream)
        }

        /// It has had enough of the message before that is complete, and leaves.
        @Test func anEarlyRefusalArrives() throws {
            try withRelay(.envelope()) { relay in
                let (client, upstream) = try handedOff(relay)
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect("354 go on\r\n")
                try client.send("Subject: x\r\n\r\n")
                try upstream.expect("Subject: x\r\n\r\n")
                try upstream.send("552 5.3.4 too big\r\n421 4.3.2 closing\r\n")
                upstream.close()
                try client.expect("552 5.3.4 too big\r\n421 4.3.2 closing\r\n")
                try client.isLeft()
            }
        }

        /// Its last replies come in one piece with its end, while the client still sends.
        @Test func repliesInOnePieceWithTheEndArrive() throws {
            try withRelay(.envelope()) { relay in
                let (client, upstream) = try handedOff(relay)
                let message = "DATA\r\n\(EnvelopeUpstreamTests.message)QUIT\r\n"
                try client.send(message)
                try upstream.expect(message)
                try upstream.send("354 a\r\n250 b\r\n221 c\r\n")
                try upstream.finish()
                try client.expect("354 a\r\n250 b\r\n221 c\r\n")
                try client.expectEnd()
                try client.finish()
                try upstream.expectEnd()
                #expect(try relay.record().end == "completed by upstream")
            }
        }

        /// The reply to RCPT and what the upstream says behind it, unasked, and its end: all of it, in its order.
        @Test func whatComesBehindTheDecisionArrives() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.greetedClient()
                try client.send("EHLO c\r\n\(Self.mail)\r\n\(Self.rcpt)\r\nDATA\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try upstream.expect("DATA\r\n")
                try upstream.send("354 a\r\n421 4.3.2 closing\r\n")
                upstream.close()
                try client.expect(
                    "250 relay.example\r\n250 2.1.0 Ok\r\n250 recipient\r\n354 a\r\n421 4.3.2 closing\r\n")
                try client.isLeft()
            }
        }

        /// A client that has said all and ended its direction waits for as long as the upstream takes.
        @Test func aHalfClosedClientAfterAUTHGetsItsReplies() throws {
            try withRelay(.envelope { $0.authenticateAll() }) { relay in
                let client = try relay.introducedClient()
                let behind = "\(Self.mail)\r\n\(Self.rcpt)\r\nDATA\r\n\(EnvelopeUpstreamTests.message)QUIT\r\n"
                try client.send("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)\r\n" + behind)
                try client.finish()
                let upstream = try relay.introducedUpstream()
                try upstream.expect(behind)
                try upstream.expectEnd()
                try upstream.send("250 a\r\n250 b\r\n354 c\r\n250 d\r\n221 e\r\n")
                try upstream.finish()
                try client.expect(EnvelopeAuthenticationTests.success + "\r\n")
                try client.expect("250 a\r\n250 b\r\n354 c\r\n250 d\r\n221 e\r\n")
                try client.expectEnd()
            }
        }

        /// The upstream is lost without a word in the middle of the message: the client hears nothing that would be a
        /// yes, and the message's end is not made up for it.
        @Test func aLostUpstreamIsNoYes() throws {
            try withRelay(.envelope()) { relay in
                let (client, upstream) = try handedOff(relay)
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect("354 go on\r\n")
                upstream.reset()
                _ = try? client.expectEnd()
                #expect(!String(decoding: client.received, as: UTF8.self).contains("250 2.0.0"))
            }
        }
    }
}
