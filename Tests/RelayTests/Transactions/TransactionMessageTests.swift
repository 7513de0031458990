import Relay
import Ring
import TestSupport
import Testing

extension RelaySuites {
    /// A message on its way through the protocol, to the upstream's final reply.
    @Suite struct TransactionMessageTests {
        @Test(arguments: [[], ["PIPELINING"]]) func deliversAMessage(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data(capabilities)
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 2.0.0 queued as 7\r\n")
                try client.expect("250 2.0.0 queued as 7\r\n")
                try client.ask("QUIT", "221 2.0.0 Bye")
                try client.isLeft()
                try upstream.expect("QUIT\r\n")
                try upstream.expectEnd()
                let record = try relay.record()
                #expect(record.end == "quit by client")
                #expect(record["upstream"] == "\(relay.server.address)")
            }
        }

        /// One after the other by one connection, each with its own envelope.
        @Test func deliversSeveral() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                for number in 1...3 {
                    if number > 1 {
                        try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                        try client.send("RCPT TO:<b\(number)@example.com>\r\n")
                        try upstream.takeEnvelope("MAIL FROM:<>", rcpt: "RCPT TO:<b\(number)@example.com>")
                        try client.expect("250 2.1.5 recipient\r\n")
                    }
                    try client.send("DATA\r\n")
                    try upstream.answer("DATA", "354 go on")
                    try client.expect(Said.startData + "\r\n")
                    try client.send("\(number)\r\n.\r\n")
                    try upstream.expect("\(number)\r\n.\r\n")
                    try upstream.send("250 ok \(number)\r\n")
                    try client.expect("250 ok \(number)\r\n")
                }
            }
        }

        @Test func passesALargeMessage() throws {
            let line = String(repeating: "x", count: 998) + "\r\n"
            let message = Array(String(repeating: line, count: 4000).utf8) + Array(Said.end.utf8)
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                let sending = client.sendInBackground(message)
                try upstream.expect(message)
                sending.join()
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test func anEmptyMessageIsOne() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(".\r\n")
                try upstream.expect(".\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }
    }
}
