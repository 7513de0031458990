import Policy
import Relay
import Ring
import TestSupport
import Testing

extension RelaySuites {
    /// A reply is that of the command it was waited for, and no other's: a server that says something twice, late or
    /// unasked has lost the connection's trust.
    @Suite struct TransactionShiftTests {
        private static let notValid = "451 4.3.0 Upstream reply not valid"

        /// The next session must not take the answer to the one before for its own.
        @Test(arguments: [[], ["PIPELINING", "CHUNKING"]])
        func aConnectionThatOwesAReplyIsNobodyElses(_ capabilities: [String]) throws {
            let setup = Setup.transactions { $0.upstream.reuse = UpstreamSettings.ReusePolicy() }
            let capabilities = capabilities + ["XFORWARD HELO"]
            let isPipelined = capabilities.contains("PIPELINING")
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(capabilities)
                try upstream.answer("XFORWARD HELO=client.example", "250 noted")
                try upstream.takeEnvelope(isPipelined: isPipelined)
                try client.expect("250 2.1.5 recipient\r\n")
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect(Said.startData + "\r\n")
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.expect("XFORWARD HELO=client.example\r\n")
                if isPipelined { try upstream.expect("\(Said.mail)\r\n\(Said.rcpt)\r\n") }
                client.close()
                try upstream.expectEnd()
            }
        }

        /// A server in the midst of a transaction takes no XFORWARD (Postfix's XFORWARD_README).
        @Test(arguments: [[], ["PIPELINING"]]) func rsetComesBeforeXFORWARD(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(capabilities + ["XFORWARD HELO"])
                try upstream.answer("XFORWARD HELO=client.example", "250 noted")
                try upstream.takeEnvelope(isPipelined: !capabilities.isEmpty)
                try client.expect("250 2.1.5 recipient\r\n")
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.answer("RSET", "250 reset")
                try upstream.answer("XFORWARD HELO=client.example", "250 noted")
                try upstream.takeEnvelope(isPipelined: !capabilities.isEmpty)
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// Said between two chunks, a yes is none to the message.
        @Test(arguments: [[], ["CHUNKING"]], ["250 2.0.0 again", "250 a\r\n250 b"])
        func aYesBetweenChunksIsNone(_ capabilities: [String], _ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                try client.send("BDAT 4\r\nab\r\n")
                if capabilities.isEmpty {
                    try upstream.answer("DATA", "354 go on")
                    try upstream.expect("ab\r\n")
                } else {
                    try upstream.expect("BDAT 4\r\nab\r\n")
                    try upstream.send("250 got it\r\n")
                }
                try client.expectReply("250 2.0.0 4 octets received")
                try upstream.send(reply + "\r\n")
                relay.settle()
                try client.send("BDAT 4 LAST\r\ncd\r\n")
                try client.expectReply(Self.notValid)
                try upstream.expectEnd()
                try client.ask(Said.mail, "250 2.1.0 Ok")
            }
        }

        /// Said behind a recipient, it is none to the message that follows in one chunk.
        @Test func aYesBeforeTheOnlyChunkIsNone() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(["CHUNKING"])
                try upstream.send("250 2.1.5 again\r\n")
                relay.settle()
                try client.send("BDAT 4 LAST\r\nab\r\n")
                try client.expectReply(Self.notValid)
                try upstream.expectEnd()
            }
        }

        /// Said behind one message, it is none to the next one's sender.
        @Test func aYesBehindAMessageEndsTheConnection() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                try upstream.send("250 ok again\r\n")
                relay.settle()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try relay.introducedUpstream().takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try upstream.expectEnd()
            }
        }

        /// That a server leaves behind its yes takes nothing back: the message is not sent twice.
        @Test func a421BehindTheYesIsAboutTheNext() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n421 4.3.2 enough of you\r\n")
                try client.expect("250 ok\r\n")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try relay.introducedUpstream().takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
                try upstream.expectEnd()
            }
        }

        /// One that means no yes to what was asked, though it begins with a 2.
        @Test(arguments: ["220 mx.example", "221 bye", "235 welcome", "299 well"])
        func anotherYesIsNone(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send(reply + "\r\n")
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try upstream.expectEnd()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let next = try relay.introducedUpstream()
                try next.answer(Said.mail, "250 sender")
                try next.answer(Said.rcpt, reply)
                try client.expectReply(Self.notValid)
                try next.expectEnd()
            }
        }

        /// Nobody waits for the answer to RCPT behind one to MAIL that is none.
        @Test(arguments: ["354 go on", "221 bye", "150 wait"]) func noAnswerToMAILIsToldAtOnce(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(["PIPELINING"])
                try upstream.expect("\(Said.mail)\r\n\(Said.rcpt)\r\n")
                try upstream.send(reply + "\r\n")
                try client.expectReply(Self.notValid)
                try upstream.expectEnd()
            }
        }
    }
}
