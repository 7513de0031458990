import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// BDAT, to upstreams that know it and to those that do not.
    @Suite struct TransactionChunkTests {
        private func taken(_ count: Int) -> String { "250 2.0.0 \(count) octets received" }
        private static let outOfPlace = "503 5.5.1 BDAT not allowed now"

        @Test func becomesDATA() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 7\r\n.one\r\nt")
                try upstream.answer("DATA", "354 go on")
                try upstream.expect("..one\r\nt")
                try client.expectReply(taken(7))
                try client.send("BDAT 2\r\nwo")
                try upstream.expect("wo")
                try client.expectReply(taken(2))
                try client.send("BDAT 5 LAST\r\n\r\n.\r\n")
                try upstream.expect("\r\n..\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test func staysBDAT() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(["PIPELINING", "CHUNKING"])
                try client.send("BDAT 6\r\n.one\r\n")
                try upstream.expect("BDAT 6\r\n.one\r\n")
                try upstream.send("250 got it\r\n")
                try client.expectReply(taken(6))
                try client.send("BDAT 5 LAST\r\n\r\n.\r\n")
                try upstream.expect("BDAT 5 LAST\r\n\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test(arguments: [[], ["CHUNKING"]]) func theLastMayBeEmpty(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                try client.send("BDAT 3\r\na\r\nBDAT 0 LAST\r\n")
                if capabilities.isEmpty {
                    try upstream.answer("DATA", "354 go on")
                    try upstream.expect("a\r\n.\r\n")
                } else {
                    try upstream.expect("BDAT 3\r\na\r\n")
                    try upstream.send("250 got it\r\n")
                    try upstream.expect("BDAT 0 LAST\r\n")
                }
                try upstream.send("250 ok\r\n")
                try client.expectReply(taken(3))
                try client.expect("250 ok\r\n")
            }
        }

        @Test func anEmptyMessage() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 0 LAST\r\n")
                try upstream.answer("DATA", "354 go on")
                try upstream.expect(".\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        /// A whole transaction in one piece, split anywhere.
        @Test func isReadWhereverItIsSplit() throws {
            let all = Array("BDAT 4\r\nab\r\nBDAT 3\r\n\r\n.BDAT 5 LAST\r\n\r\nc\r\nNOOP\r\n".utf8)
            for split in 1..<all.count {
                try withRelay(.transactions { $0.logLevel = .warning }) { relay in
                    let (client, upstream) = try relay.transaction()
                    try client.send(Array(all[..<split]))
                    relay.settle()
                    try client.send(Array(all[split...]))
                    try upstream.answer("DATA", "354 go on")
                    try upstream.expect("ab\r\n\r\n..\r\nc\r\n.\r\n")
                    try upstream.send("250 ok\r\n")
                    for reply in [taken(4), taken(3), "250 ok", "250 2.0.0 Ok"] { try client.expectReply(reply) }
                }
            }
        }

        @Test func chunksOfOneOctet() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 1\r\nx")
                try upstream.answer("DATA", "354 go on")
                try client.expectReply(taken(1))
                for _ in 0..<500 {
                    try client.send("BDAT 1\r\nx")
                    try client.expectReply(taken(1))
                }
                try upstream.expect(String(repeating: "x", count: 501))
                try client.send("BDAT 0 LAST\r\n")
                try upstream.expect("\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test(arguments: [[], ["CHUNKING"]]) func aLargeChunkGoesOnInPieces(_ capabilities: [String]) throws {
            let message = Array(String(repeating: "0123456789abcd\r\n", count: 20_000).utf8)
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                let sending = client.sendInBackground(Array("BDAT \(message.count) LAST\r\n".utf8) + message)
                if capabilities.isEmpty {
                    try upstream.answer("DATA", "354 go on")
                    try upstream.expect(message + Array(".\r\n".utf8))
                    try upstream.send("250 ok\r\n")
                } else {
                    #expect(try chunks(of: upstream) == message)
                }
                sending.join()
                try client.expect("250 ok\r\n")
            }
        }

        /// As an upstream that takes chunks: reads them to the last.
        private func chunks(of upstream: Peer) throws -> [UInt8] {
            var message: [UInt8] = []
            while true {
                let words = try upstream.line().split(separator: " ")
                let size = try #require(words.count > 1 ? Int(words[1]) : nil)
                message += try upstream.read(exactly: size)
                try upstream.send("250 ok\r\n")
                if words.last == "LAST" { return message }
            }
        }

        // MARK: Out of place

        @Test func octetsAreReadWhateverBecomesOfThem() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.send("BDAT 6\r\nQUIT\r\nNOOP\r\n")
                try client.expectReply(Self.outOfPlace)
                try client.expectReply("250 2.0.0 Ok")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
                try client.expectReply(Self.outOfPlace)
                try client.expectReply("250 2.0.0 Ok")
            }
        }

        @Test(arguments: ["", "x", "1 FIRST", "-1", "999999999999999999999"]) func nobodyKnowsItsSize(_ size: String)
            throws
        {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.ask("BDAT \(size)", "501 5.5.4 Syntax: BDAT size [LAST]")
                try client.isLeft()
                try upstream.expectEnd()
            }
        }

        @Test func notBesideDATA() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 1\r\nx")
                try upstream.answer("DATA", "354 go on")
                try client.expectReply(taken(1))
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                try client.ask(Said.rcpt, "503 5.5.1 Bad sequence of commands")
                try client.send("BDAT 0 LAST\r\n")
                try upstream.expect("x\r\n.\r\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        /// A message whose first chunk was refused is not made of its others, even where there is a recipient by then.
        @Test(arguments: [false, true]) func whatBeginsWithoutARecipientIsNoMessage(_ hasTriedOne: Bool) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                var upstream: Peer?
                if hasTriedOne {
                    try client.send("RCPT TO:<x@example.com>\r\n")
                    upstream = try relay.introducedUpstream()
                    try upstream?.answer(Said.mail, "250 sender")
                    try upstream?.answer("RCPT TO:<x@example.com>", "550 5.1.1 nobody")
                    try client.expect("550 5.1.1 nobody\r\n")
                }
                try client.send("BDAT 5\r\nhalf ")
                try client.expectReply(hasTriedOne ? "554 5.5.1 No valid recipients" : Self.outOfPlace)
                try client.ask(Said.rcpt, "503 5.5.1 Bad sequence of commands")
                try client.send("BDAT 8 LAST\r\nand half")
                try client.expectReply(hasTriedOne ? "554 5.5.1 No valid recipients" : Self.outOfPlace)
                try client.ask(Said.mail, "250 2.1.0 Ok")
            }
        }

        @Test func moreThanIsReadOfARefusedChunk() throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 1000 }) { relay in
                let client = try relay.introducedClient()
                try client.send("BDAT 99999999 LAST\r\n")
                let sending = client.sendInBackground([UInt8](repeating: 120, count: (1 << 20) + (1 << 18)))
                try client.expectReply("421 4.3.4 Chunk too large to read, closing connection")
                try client.isLeft()
                sending.join()
                #expect(try relay.record().end == "bad_message by client")
            }
        }

        // MARK: Failures

        /// After one that has failed all others do, until the client begins anew.
        @Test(arguments: ["RSET", "EHLO client.example", nil]) func allFailBehindOne(_ command: String?) throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 10 }) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 20\r\n0123456789abcdefghijBDAT 2\r\nxx")
                try upstream.answer("DATA", "354 go on")
                try client.expectReply("552 5.3.4 Message too large")
                try client.expectReply(Self.outOfPlace)
                try upstream.expectEnd()
                if let command {
                    try client.send(command + "\r\n")
                    while try client.line().hasPrefix("250-") {}
                }
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try relay.introducedUpstream().takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test(arguments: [[], ["CHUNKING"]]) func theUpstreamsRefusalIsShown(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                try client.send("BDAT 3\r\nabcBDAT 3 LAST\r\ndef")
                try upstream.expect(capabilities.isEmpty ? "DATA\r\n" : "BDAT 3\r\nabc")
                try upstream.send("452 4.3.1 full\r\n")
                try client.expect("452 4.3.1 full\r\n")
                try client.expectReply(Self.outOfPlace)
                // The last one was the transaction's end.
                try client.ask(Said.mail, "250 2.1.0 Ok")
            }
        }

        @Test func bareNewlinesCloseTheSession() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 6 LAST\r\na\n.\nb\r")
                try upstream.answer("DATA", "354 go on")
                try client.expectReply("550 5.5.2 Message holds a bare LF")
                try client.isLeft()
                try upstream.expectEnd()
                #expect(try relay.record().end == "bad_message by client")
            }
        }

        @Test(arguments: [[], ["CHUNKING"]]) func aLostClientsMessageHasNoEnd(_ capabilities: [String]) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(capabilities)
                try client.send("BDAT 10 LAST\r\nhalf\r\n")
                if capabilities.isEmpty { try upstream.answer("DATA", "354 go on") }
                relay.settle()
                client.close()
                let seen = String(decoding: try upstream.readToEnd(), as: UTF8.self)
                #expect(seen == "" || seen == "half\r\n")
            }
        }

        @Test func theUpstreamIsLostBetweenChunks() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 3\r\nabc")
                try upstream.answer("DATA", "354 go on")
                try client.expectReply(taken(3))
                upstream.close()
                relay.settle()
                try client.send("BDAT 3 LAST\r\ndef")
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try client.ask(Said.mail, "250 2.1.0 Ok")
            }
        }
    }
}
