import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Whoever is lost, and whenever: the upstream never gets the end of a message of which it has not got all, and the
    /// client never a yes that was not the upstream's.
    @Suite struct TransactionLossTests {
        /// How a client may come to leave in the midst of its message.
        enum Leaving: CaseIterable {
            case closes, resets, endsItsDirection, stalls
        }

        /// How far it has come.
        static let beginnings = ["", "S", "Subject: x\r\n", "text\r\n.", "text\r\n.\r", "a\r\n..", "a\r"]

        @Test(arguments: Leaving.allCases, beginnings)
        func aLostClientsMessageHasNoEnd(_ leaving: Leaving, _ beginning: String) throws {
            let setup = Setup.transactions {
                if leaving == .stalls { $0.transactions.dataTimeout = .milliseconds(400) }
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try relay.data()
                try client.send(beginning)
                let certain = Self.certain(of: beginning)
                try upstream.expect(certain)
                switch leaving {
                case .closes: client.close()
                case .resets: client.reset()
                case .endsItsDirection: try client.finish()
                case .stalls: try client.expectReply("421 4.4.2 Timeout in the message, closing connection")
                }
                try upstream.expectEnd()
                if leaving != .stalls { #expect(try relay.record().end.hasSuffix(" by client")) }
            }
        }

        /// What of a message's beginning can be nothing else.
        private static func certain(of beginning: String) -> String {
            for held in [".\r", ".", "\r"] where beginning.hasSuffix(held) && !beginning.hasSuffix("..") {
                return String(beginning.unicodeScalars.dropLast(held.unicodeScalars.count).map(Character.init))
            }
            return beginning
        }

        /// The seed of this relay completed a message that its client had given up, for it said QUIT to an upstream
        /// that was still reading it.
        @Test func quitCompletesNothing() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 3\r\nabc")
                try upstream.answer("DATA", "354 go on")
                try upstream.expect("abc")
                try client.expectReply("250 2.0.0 3 octets received")
                try client.ask("QUIT", "221 2.0.0 Bye")
                try upstream.expectEnd()
                try client.isLeft()
            }
        }

        @Test(arguments: ["QUIT", "RSET", "EHLO again"]) func nothingIsSaidBehindHalfAMessage(_ command: String) throws
        {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction(["CHUNKING"])
                try client.send("BDAT 3\r\nabc")
                try upstream.expect("BDAT 3\r\nabc")
                try upstream.send("250 ok\r\n")
                try client.expectReply("250 2.0.0 3 octets received")
                try client.send(command + "\r\n")
                try upstream.expectEnd()
            }
        }

        /// It sends something now and then, so that no wait is too long.
        @Test(arguments: [false, true]) func aMessageThatComesTooSlowlyHasNoEnd(_ isChunked: Bool) throws {
            let setup = Setup.transactions {
                $0.transactions.dataTimeout = .milliseconds(500)
                $0.transactions.bytesPerSecondMin = 1 << 30
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try isChunked ? relay.transaction(["CHUNKING"]) : relay.data()
                if isChunked { try client.send("BDAT 100000 LAST\r\n") }
                while !client.hasInput(withinMilliseconds: 5) { try? client.send("x") }
                try client.expectReply("421 4.4.2 Timeout in the message, closing connection")
                let seen = try upstream.readToEnd()
                #expect(seen.allSatisfy { $0 == UInt8(ascii: "x") })
                client.close()
                #expect(try relay.record().end == "too_slow by client")
                #expect(relay[.sessionsTooSlow] == 1)
            }
        }

        /// The time that the upstream takes is not the client's.
        @Test func whatTheUpstreamHoldsBackIsNotSlow() throws {
            let setup = Setup.transactions {
                $0.transactions.dataTimeout = .seconds(2)
                $0.transactions.bytesPerSecondMin = 1 << 40
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try relay.data()
                let message = Array(String(repeating: "0123456789abcdef\r\n", count: 1 << 19).utf8)
                let sending = client.sendInBackground(message + Array(Said.end.utf8))
                // Longer than the client may take in all, with much still to come.
                for part in 0..<3 {
                    #expect(!client.hasInput(withinMilliseconds: 900))
                    try upstream.expect(Array(message[(part * 3 << 20)..<min((part + 1) * 3 << 20, message.count)]))
                }
                try upstream.expect(Array(Said.end.utf8))
                sending.join()
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        // MARK: The upstream

        /// How an upstream may come to leave.
        enum Loss: CaseIterable {
            case closes, resets
        }

        private func lose(_ upstream: Peer, _ loss: Loss) {
            switch loss {
            case .closes: upstream.close()
            case .resets: upstream.reset()
            }
        }

        @Test(arguments: Loss.allCases) func lostBehindItsRecipient(_ loss: Loss) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                lose(upstream, loss)
                relay.settle()
                try client.ask("RCPT TO:<a2@example.com>", "451 4.4.2 Upstream connection lost")
                // No other server has the first recipient.
                try client.ask("RCPT TO:<a3@example.com>", "451 4.4.2 Upstream connection lost")
                try client.ask("DATA", "451 4.4.2 Upstream connection lost")
                try client.ask("RCPT TO:<a4@example.com>", "503 5.5.1 Bad sequence of commands")
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test(arguments: Loss.allCases) func lostAtDATA(_ loss: Loss) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.send("DATA\r\n")
                try upstream.expect("DATA\r\n")
                lose(upstream, loss)
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try goOn(client, relay)
            }
        }

        @Test(arguments: Loss.allCases) func lostInTheMessage(_ loss: Loss) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send("half")
                try upstream.expect("half")
                lose(upstream, loss)
                relay.settle()
                try client.send(" a message\r\n")
                #expect(client.isQuiet)
                try client.send(".\r\n")
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try goOn(client, relay)
            }
        }

        @Test(arguments: Loss.allCases) func lostBeforeItsFinalReply(_ loss: Loss) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                lose(upstream, loss)
                try client.expectReply("451 4.4.2 Upstream connection lost")
                #expect(relay[.ambiguousTotal] == 1)
                try goOn(client, relay)
            }
        }

        @Test func silentInsteadOfItsFinalReply() throws {
            try withRelay(.transactions { $0.transactions.finalReplyTimeout = .milliseconds(100) }) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try upstream.expectEnd()
                #expect(relay[.ambiguousTotal] == 1)
            }
        }

        /// What comes in place of a final reply is no yes.
        @Test(arguments: ["354 go on", "nonsense", "250 ok\r\n250 ok", "199 wait"])
        func nonsenseInsteadOfItsFinalReply(_ reply: String) throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send(reply + "\r\n")
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try upstream.expectEnd()
                try goOn(client, relay)
            }
        }

        /// It is asked for nothing more, but the message was complete: its word is awaited, for the log.
        @Test func aClientThatLeavesBehindItsMessageChangesNothing() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.data()
                try client.send(Said.body + Said.end)
                client.close()
                try upstream.expect(Said.body + Said.end)
                relay.settle()
                #expect(upstream.isQuiet)
                try upstream.send("250 ok\r\n")
                try upstream.expect("QUIT\r\n")
                try upstream.expectEnd()
            }
        }

        /// The next message finds another connection.
        private func goOn(_ client: Peer, _ relay: TestRelay) throws {
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            let upstream = try relay.introducedUpstream()
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("250 better\r\n")
            try client.expect("250 better\r\n")
        }
    }
}
