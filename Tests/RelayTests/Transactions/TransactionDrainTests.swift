import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// A drain lets a transaction come to its end, and no other begin.
    @Suite struct TransactionDrainTests {
        private static let leaving = "421 4.3.2 Service shutting down"

        @Test func anIdleSessionEndsAtOnce() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                relay.beginDrain(deadline: .seconds(10))
                try client.expectReply(Self.leaving)
                try client.isLeft()
            }
        }

        @Test func soDoesOneBetweenTwoMessages() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                relay.beginDrain(deadline: .seconds(10))
                try client.expectReply(Self.leaving)
                try client.isLeft()
                try upstream.expect("QUIT\r\n")
            }
        }

        /// Where the transaction stands when the drain begins.
        enum Stand: CaseIterable {
            case behindMAIL, atRCPT, behindRCPT, inTheMessage, beforeTheFinalReply
        }

        @Test(arguments: Stand.allCases) func aTransactionComesToItsEnd(_ stand: Stand) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                if stand == .behindMAIL { relay.beginDrain(deadline: .seconds(10)) }
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Said.mail, "250 sender")
                try upstream.expect(Said.rcpt + "\r\n")
                if stand == .atRCPT { relay.beginDrain(deadline: .seconds(10)) }
                try upstream.send("250 recipient\r\n")
                try client.expect("250 recipient\r\n")
                if stand == .behindRCPT { relay.beginDrain(deadline: .seconds(10)) }
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect(Said.startData + "\r\n")
                try client.send("half")
                try upstream.expect("half")
                if stand == .inTheMessage { relay.beginDrain(deadline: .seconds(10)) }
                try client.send(" and half\r\n.\r\nNOOP\r\n")
                try upstream.expect(" and half\r\n.\r\n")
                if stand == .beforeTheFinalReply { relay.beginDrain(deadline: .seconds(10)) }
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                try client.expectReply(Self.leaving)
                try client.isLeft()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        /// Its time is over: half a message is no message.
        @Test(arguments: [Stand.behindRCPT, .inTheMessage, .beforeTheFinalReply])
        func untilItsDeadline(_ stand: Stand) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try stand == .behindRCPT ? relay.transaction() : relay.data()
                if stand != .behindRCPT {
                    try client.send("half")
                    try upstream.expect("half")
                }
                if stand == .beforeTheFinalReply {
                    try client.send("\r\n.\r\n")
                    try upstream.expect("\r\n.\r\n")
                }
                relay.beginDrain(deadline: .milliseconds(50))
                try upstream.expectEnd()
                try client.isLeft()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        @Test func untilItsDeadlineBetweenChunks() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 4\r\nhalfBDAT 100 LAST\r\nhalf")
                try upstream.answer("DATA", "354 go on")
                try upstream.expect("half")
                try client.expectReply("250 2.0.0 4 octets received")
                relay.beginDrain(deadline: .milliseconds(50))
                try upstream.expectEnd()
                try client.isLeft()
            }
        }

        /// Nor does a question that is worked at when its time is over.
        @Test func untilItsDeadlineWhileSomebodyDecides() throws {
            let setup = Setup.transactions { setup in
                setup.silentAuthenticator()
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                relay.settle()
                relay.beginDrain(deadline: .milliseconds(50))
                _ = try client.readToEnd()
                client.close()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        /// That a drain ends the wait for its reply is no fault of the server's.
        @Test func noServerIsToBlameForADrain() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                relay.beginDrain(deadline: .milliseconds(50))
                try upstream.expectEnd()
                try client.isLeft()
                _ = try relay.record()
                #expect(relay[.sessionsCommandTimeout] == 0)
                #expect(relay[.ambiguousTotal] == 1)
            }
        }
    }
}
