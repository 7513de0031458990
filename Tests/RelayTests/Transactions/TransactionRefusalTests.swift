import Relay
import Ring
import TestSupport
import Testing

extension RelaySuites {
    /// What an upstream, or Mailrace, has against a message whose sending has begun.
    @Suite struct TransactionRefusalTests {
        private static let tooLarge = "552 5.3.4 Message too large"

        /// The upstream has had enough before the message's end: it gets no more, and the client its words, at the end
        /// that it knows.
        @Test(
            arguments: zip(
                [
                    "552 5.3.4 too big", "452-4.3.1 full\r\n452 4.3.1 disk", "421 4.3.2 closing", "250 2.0.0 early",
                    "nonsense",
                ],
                [
                    "552 5.3.4 too big", "452-4.3.1 full\r\n452 4.3.1 disk", "451 4.4.1 Upstream closes its session",
                    "451 4.3.0 Upstream reply not valid", "451 4.3.0 Upstream reply not valid",
                ]))
        func anEarlyReplyIsShown(_ reply: String, _ shown: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("begun\r\n")
                try upstream.expect("begun\r\n")
                try upstream.send(reply + "\r\n")
                try upstream.expectEnd()
                try client.send("more\r\n")
                relay.settle()
                #expect(client.isQuiet)
                try client.send("end\r\n.\r\n")
                for line in shown.split(separator: "\r\n") { try client.expectReply(String(line)) }
                try another(client, relay)
            }
        }

        /// It does not read on, so that what is sent to it gets stuck: its word is heard all the same.
        @Test func anEarlyReplyOfOneThatDoesNotRead() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                let message = Array(String(repeating: "0123456789abcdef\r\n", count: 1 << 20).utf8)
                let sending = client.sendInBackground(message + Array(".\r\n".utf8))
                try upstream.expect("0123456789abcdef\r\n")
                try upstream.send("552 5.3.4 too big\r\n")
                try client.expect("552 5.3.4 too big\r\n")
                sending.join()
                upstream.close()
                try another(client, relay)
            }
        }

        /// What is no answer to MAIL tells nothing about one to RCPT: that is not waited for.
        @Test(arguments: ["354 go on", "150 wait"]) func anOddAnswerToMAILIsTheLast(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(["PIPELINING"])
                try upstream.expect(Said.mail + "\r\n" + Said.rcpt + "\r\n")
                try upstream.send(reply + "\r\n")
                try client.expectReply("451 4.3.0 Upstream reply not valid")
                try upstream.expectEnd()
                try client.ask("RSET", "250 2.0.0 Ok")
                try another(client, relay)
            }
        }

        /// A yes before the end is none, not even where it meets the end on its way.
        @Test func aYesThatComesTooSoonIsNone() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("begun\r\n")
                try upstream.expect("begun\r\n")
                try upstream.send("250 2.0.0 is that all?\r\n")
                try client.send("end\r\n.\r\n")
                try client.expectReply("451 4.3.0 Upstream reply not valid")
                try upstream.expectEnd()
                try another(client, relay)
            }
        }

        @Test(arguments: ["450 4.7.1 not now", "554 5.7.1 no"]) func aRefusedDATAIsShown(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("DATA\r\n")
                try upstream.answer("DATA", reply)
                try client.expect(reply + "\r\n")
                // Neither side has anything left of it.
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.answer("RSET", "250 ok")
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test(arguments: ["451 4.3.0 later", "554 5.6.0 no", "250-a\r\n250 b"])
        func theFinalReplyIsShownAsItCame(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send(reply + "\r\n")
                try client.expect(reply + "\r\n")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        // MARK: What the message holds

        @Test func aMessageThatIsTooLarge() throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 10 }) { relay in
                let (client, upstream) = try relay.data()
                try client.send("12345\r\n")
                try upstream.expect("12345\r\n")
                try client.send("6789\r\n")
                try upstream.expectEnd()
                try client.send("more and more\r\n.\r\n")
                try client.expectReply(Self.tooLarge)
                try another(client, relay)
            }
        }

        @Test func oneOfJustThatSizeIsNot() throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 10 }) { relay in
                let (client, upstream) = try relay.data()
                try client.send("..345678\r\n.\r\n")
                try upstream.expect("..345678\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test func aMessageWithoutEnd() throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 10 }) { relay in
                let (client, upstream) = try relay.data()
                let endless = client.sendInBackground(Array(String(repeating: "x\r\n", count: 1 << 19).utf8))
                try upstream.expectEnd()
                try client.expectReply("421 4.3.4 Message too large to read, closing connection")
                try client.isLeft()
                endless.join()
                #expect(try relay.record().end == "bad_message by client")
            }
        }

        @Test func aLineThatIsTooLong() throws {
            try withRelay(.transactions { $0.transactions.lineBytesMax = 10 }) { relay in
                let (client, upstream) = try relay.data()
                try client.send("12345678\r\n")
                try upstream.expect("12345678\r\n")
                try client.send("123456789\r\n")
                try upstream.expectEnd()
                try client.send(".\r\n")
                try client.expectReply("554 5.6.0 Message holds a line that is too long")
                try another(client, relay)
            }
        }

        @Test func eightBitsForAServerOfSeven() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("caf\u{e9}\r\n.\r\n")
                try upstream.expectEnd()
                try client.expectReply("554 5.6.3 Upstream does not take 8-bit content")
                try another(client, relay)
            }
        }

        /// The next message goes another way, and the session on.
        private func another(_ client: Peer, _ relay: TestRelay) throws {
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            let upstream = try relay.introducedUpstream()
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send("text\r\n.\r\n")
            try upstream.expect("text\r\n.\r\n")
            try upstream.send("250 better\r\n")
            try client.expect("250 better\r\n")
        }
    }
}
