import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// What some server takes for the end of a message is none, at whatever place it is split: the upstream sees one
    /// message, or none.
    @Suite struct TransactionSmugglingTests {
        static let ends = [
            "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\n", "\n.\r", "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n",
            "\r\n.\0\r\n",
            "\r\n.\r\r\n", "\r\n\u{0}.\u{0}\r\n",
        ]
        private static let smuggled = "MAIL FROM:<x@example.org>\r\nRCPT TO:<y@example.com>\r\nDATA\r\nsmuggled\r\n"

        @Test(arguments: ends) func isRefused(_ end: String) throws {
            let message = Array("text\(end)\(Self.smuggled).\r\n".utf8)
            for split in 1..<min(message.count, 4 + end.utf8.count + 3) {
                try withRelay(.transactions { $0.logLevel = .warning }) { relay in
                    let (client, upstream) = try relay.data()
                    try client.send(Array(message[..<split]))
                    relay.settle()
                    try client.send(Array(message[split...]))
                    let seen = try upstream.readToEnd()
                    #expect(seen.count <= 4 + 2 && message.starts(with: seen), "\(seen)")
                    let reply = try client.line()
                    #expect(reply.hasPrefix("550 5.5.2 Message holds a "))
                    try client.isLeft()
                }
            }
        }

        @Test(arguments: ends) func isMadeHarmless(_ end: String) throws {
            let message = Array("text\(end)\(Self.smuggled).\r\n".utf8)
            for split in 1..<min(message.count, 4 + end.utf8.count + 3) {
                let setup = Setup.transactions {
                    $0.logLevel = .warning
                    $0.transactions.bareNewline = .normalise
                }
                try withRelay(setup) { relay in
                    let (client, upstream) = try relay.data()
                    try client.send(Array(message[..<split]))
                    relay.settle()
                    try client.send(Array(message[split...]))
                    var lines: [String] = []
                    repeat { lines.append(try upstream.line()) } while lines.last != "."
                    #expect(lines.contains("smuggled"))
                    #expect(upstream.isQuiet)
                    try upstream.send("250 one message\r\n")
                    try client.expect("250 one message\r\n")
                }
            }
        }

        /// Behind the one end there is, commands may follow.
        @Test func commandsBehindTheEndAreCommands() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("text\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\n")
                try upstream.expect("text\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try upstream.takeEnvelope("MAIL FROM:<>", rcpt: "RCPT TO:<b@example.com>")
                try client.expect("250 ok\r\n250 2.1.0 Ok\r\n250 2.1.5 recipient\r\n")
            }
        }

        /// A client that does not wait for the 354 cannot be told from one that smuggles.
        @Test func nothingMayComeBehindDATA() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("DATA\r\ntext\r\n.\r\n")
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
                try upstream.expectEnd()
            }
        }

        @Test func norBeforeThe354() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("DATA\r\n")
                try upstream.expect("DATA\r\n")
                try client.send("text\r\n.\r\n")
                relay.settle()
                try upstream.send("354 go on\r\n")
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
                try upstream.expectEnd()
            }
        }

        /// What came meanwhile is no command, either.
        @Test func norBeforeARefusalOfDATA() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("DATA\r\n")
                try upstream.expect("DATA\r\n")
                try client.send(Self.smuggled)
                relay.settle()
                try upstream.send("451 4.3.0 not now\r\n")
                try client.expectReply("451 4.3.0 not now")
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
            }
        }

        @Test func norWhereThereIsNobodyToGetIt() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Said.mail, "250 sender")
                try upstream.answer(Said.rcpt, "550 5.1.1 nobody")
                try client.expect("550 5.1.1 nobody\r\n")
                try client.send("DATA\r\n\(Self.smuggled)")
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
            }
        }

        /// What is dropped of a refused message has an end, whatever it is made of.
        @Test(arguments: ["\0", "\r", "\n", "\r\n.\n", "\r\n.\r", "\r\n.\0"])
        func endlessRubbishIsNotReadForEver(_ rubbish: String) throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 1000 }) { relay in
                let (client, _) = try relay.data()
                let flood = Array(String(repeating: rubbish, count: (3 << 20) / rubbish.utf8.count).utf8)
                let sending = client.sendInBackground(flood)
                let reply = try client.line()
                #expect(reply.hasPrefix("421 4.3.4 "))
                client.close()
                sending.join()
            }
        }
    }
}
