import Telemetry
import TestSupport
import Testing

@testable import Relay

extension RelaySuites {
    /// What is written down of a dialogue.
    @Suite struct TranscriptTests {
        private static func setup(
            _ pipe: LogPipe, showsCredentials: Bool = false, _ starttls: ListenerSettings.StartTLSPolicy = .offer
        ) -> Setup {
            Setup(starttls) { $0.listener.transcript = Transcript(to: pipe.log, showsCredentials: showsCredentials) }
        }

        /// The lines up to the one that contains `last`, as `client C: EHLO c`.
        private func lines(_ pipe: LogPipe, upTo last: String) throws -> [String] {
            _ = try pipe.message(last)
            return pipe.messages.map { line in
                let parts = line.components(between: ["\"with\":\"", "\",\"line\":\"", "\"}"])
                return parts.joined(separator: " ")
            }
        }

        @Test func hasTheDialogueUpToTheHandOff() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            try withRelay(Self.setup(pipe)) { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered)
                try dialogue.exchange("RCPT TO:<recipient@example.com>\r\n", "250 2.1.5 Ok\r\n")
                try dialogue.quit()
                _ = try relay.record()
                #expect(
                    try lines(pipe, upTo: "handed off") == [
                        "upstream * connected to \(relay.server.address)", "upstream S: 220 mx.example ESMTP",
                        "client S: 220 mx.example ESMTP", "client C: EHLO client.example",
                        "upstream C: EHLO client.example", "upstream S: 250-mx.example", "upstream S: 250-PIPELINING",
                        "upstream S: 250-STARTTLS", "upstream S: 250 8BITMIME", "client S: 250-mx.example",
                        "client S: 250-PIPELINING", "client S: 250-STARTTLS", "client S: 250 8BITMIME",
                        "client C: MAIL FROM:<sender@example.org>", "upstream C: MAIL FROM:<sender@example.org>",
                        "client * handed off: what follows is not read",
                    ])
                // Nothing of what came later; the log would have it before this.
                pipe.log.info("the end")
                #expect(try lines(pipe, upTo: "the end").count == 17)
            }
        }

        /// Where Mailrace stays in the protocol it reads on, and writes down what makes the message whole.
        @Test(arguments: ["DATA\r\n", "BDAT 20 LAST\r\n"]) func hasNothingOfAMessage(_ command: String) throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            let setup = Setup.transactions {
                $0.listener.transcript = Transcript(to: pipe.log, showsCredentials: false)
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try relay.transaction()
                if command == "BDAT 20 LAST\r\n" {
                    try client.send(command + Said.body)
                    try upstream.answer("DATA", "354 go on")
                } else {
                    try client.send(command)
                    try upstream.answer("DATA", "354 go on")
                    try client.expect(Said.startData + "\r\n")
                    try client.send(Said.body + Said.end)
                }
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                let found = try lines(pipe, upTo: "250 ok")
                #expect(found.contains("upstream C: ."))
                #expect(!found.contains { $0.contains("Subject") || $0.contains("text") })
            }
        }

        @Test func hasTheSessionsIdAndItsTLS() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            try withRelay(Self.setup(pipe)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnsweredAgain, .tls13)
                try dialogue.quit()
                let record = try relay.record()
                let found = try lines(pipe, upTo: "handed off")
                #expect(found.contains("client C: STARTTLS"))
                #expect(found.contains { $0.hasPrefix("client * TLS: TLSv1.3 TLS_") })
                #expect(found.filter { $0 == "client C: EHLO client.example" }.count == 2)
                let id = try #require(record["session"])
                #expect(pipe.messages.allSatisfy { $0.contains("\"session\":\"\(id)\"") })
            }
        }

        @Test(arguments: [false, true]) func passwordsAreLeftOut(_ showsCredentials: Bool) throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            let secret = "AHVzZXIAc2VjcmV0"
            try withRelay(Self.setup(pipe, showsCredentials: showsCredentials)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                // In one piece with what is not read any more.
                try dialogue.say("AUTH PLAIN \(secret)\r\n\(secret)\r\n")
                try dialogue.answer("235 2.7.0 Ok\r\n")
                try dialogue.quit()
                _ = try relay.record()
                let shown = showsCredentials ? secret : "[redacted]"
                let found = try lines(pipe, upTo: "handed off")
                #expect(
                    found.suffix(3) == [
                        "client C: AUTH PLAIN \(shown)", "upstream C: AUTH PLAIN \(shown)",
                        "client * handed off: what follows is not read",
                    ])
                #expect(pipe.messages.contains { $0.contains(secret) } == showsCredentials)
            }
        }

        /// A line of AUTH that is too long is not taken, but the client may go on as if it were.
        @Test(arguments: [false, true]) func whatFollowsALineThatIsTooLongIsLeftOut(_ isPipelined: Bool) throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            let secret = "AHVzZXIAc2VjcmV0"
            try withRelay(Self.setup(pipe)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                let long = "AUTH LOGIN" + String(repeating: " ", count: 1100) + "\r\n"
                try dialogue.client.send(isPipelined ? "\(long)\(secret)\r\n" : long)
                #expect(try dialogue.client.line().hasPrefix("500 5.5.2"))
                if !isPipelined { try dialogue.client.send("\(secret)\r\n") }
                try dialogue.upstream.expect("\(secret)\r\n")
                try dialogue.answer("500 5.5.2 What?\r\n")
                try dialogue.quit()
                _ = try relay.record()
                let found = try lines(pipe, upTo: "handed off")
                #expect(found.contains("client C: [redacted]") && found.contains("upstream C: [redacted]"))
                #expect(!pipe.messages.contains { $0.contains(secret) })
            }
        }

        @Test func hasWhatIsNoCommandAndTheLastWords() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            try withRelay(Self.setup(pipe)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send("\r\n")
                _ = try dialogue.client.line()
                try dialogue.client.send(String(repeating: "x", count: 2000) + "\r\n")
                _ = try dialogue.client.readToEnd()
                _ = try relay.record()
                let found = try lines(pipe, upTo: "Too many errors")
                try #require(found.count == 7)
                #expect(found[3] == "client C: ")
                #expect(found[4].hasPrefix("client S: 500 5.5.2 Syntax error"))
                #expect(found[5] == "client * line over 1024 bytes")
                #expect(found[6].hasPrefix("client S: 421 4.7.0 Too many errors"))
            }
        }

        @Test func hasTheReplyThatIsNone() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            try withRelay(Self.setup(pipe)) { relay in
                let dialogue = try Dialogue(relay, upTo: .connected)
                try dialogue.upstream.send("SSH-2.0\r\n")
                _ = try dialogue.client.readToEnd()
                _ = try relay.record()
                let found = try lines(pipe, upTo: "reply not valid")
                #expect(found[1] == "upstream S: SSH-2.0")
            }
        }

        @Test func hasTheServerThatIsNotThere() throws {
            let pipe = try LogPipe()
            defer { pipe.log.close() }
            var setup = Self.setup(pipe)
            setup.use([try LoopbackServer.closedAddress()])
            try withRelay(setup) { relay in
                let client = try relay.client()
                _ = try client.readToEnd()
                let found = try lines(pipe, upTo: "S: 421")
                #expect(found[0].hasPrefix("upstream * \(setup.upstream.servers[0]) not reachable: "))
            }
        }
    }
}

extension String {
    /// What stands between each of the marks and the next.
    fileprivate func components(between marks: [String]) -> [Substring] {
        var rest = self[...]
        var found: [Substring] = []
        for (index, mark) in marks.enumerated() {
            guard let range = rest.firstRange(of: mark) else { return [] }
            if index > 0 { found.append(rest[..<range.lowerBound]) }
            rest = rest[range.upperBound...]
        }
        return found
    }
}
