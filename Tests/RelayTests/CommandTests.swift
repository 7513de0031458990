import Relay
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// What a client may say before the hand-off, and what it gets for it.
    @Suite struct CommandTests {
        // MARK: Answered without the upstream

        @Test(arguments: [Point.greeted, .ehloAnswered], TunnelPolicy.allCases)
        func noopAndRsetAreAnsweredHere(_ point: Point, _ policy: TunnelPolicy) throws {
            if point == .ehloAnswered && policy == .off { return }
            try withRelay(policy.setup) { relay in
                let dialogue = try Dialogue(relay, upTo: point)
                for command in ["NOOP\r\n", "rset\r\n", "NoOp with words\r\n"] {
                    try dialogue.client.send(command)
                    try dialogue.client.expect("250 2.0.0 Ok\r\n")
                }
                #expect(dialogue.upstream.isQuiet)
                try dialogue.say(Dialogue.ehlo)
            }
        }

        @Test(arguments: [Point.greeted, .ehloAnswered], TunnelPolicy.allCases)
        func quitIsAnsweredHereAndPassedOn(_ point: Point, _ policy: TunnelPolicy) throws {
            if point == .ehloAnswered && policy == .off { return }
            try withRelay(policy.setup) { relay in
                let dialogue = try Dialogue(relay, upTo: point)
                try dialogue.client.send("quit\r\n")
                try dialogue.client.expect("221 2.0.0 Bye\r\n")
                try dialogue.client.expectEnd()
                dialogue.client.close()
                try dialogue.upstream.expect("QUIT\r\n")
                try dialogue.upstream.expectEnd()
                dialogue.upstream.close()
                let record = try relay.record()
                #expect(record.end == "quit by client")
                #expect(record.phase == point.phase(.plaintext))
            }
        }

        @Test func theHundredAndFirstNoopIsOneTooMany() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                for _ in 0..<100 {
                    try dialogue.client.send("NOOP\r\n")
                    try dialogue.client.expect("250 2.0.0 Ok\r\n")
                }
                try dialogue.client.send("NOOP\r\n")
                try dialogue.isTurnedAway("421 4.7.0 Too many errors, closing connection", "bad_line by client")
            }
        }

        // MARK: The first command

        @Test(arguments: [
            "MAIL FROM:<>", "STARTTLS", "DATA", "AUTH PLAIN", "XYZZY", "EHLOX", "EH LO", "GET / HTTP/1.1",
        ])
        func anotherFirstCommandEndsTheSession(_ command: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(command + "\r\n")
                try dialogue.isTurnedAway("503 5.5.1 Bad sequence of commands", "bad_sequence by client")
            }
        }

        @Test(arguments: ["EHLO c\r\nQUIT\r\n", "EHLO c\r\nMAIL FROM:<>\r\n", "HELO c\r\nM", "EHLO c\r\n\0"])
        func nothingMayFollowTheGreetingUnasked(_ group: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(group)
                try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
            }
        }

        @Test(arguments: [Point.connected, .ehloSent, .ehloSentAgain])
        func whoTalksBeforeTheReplyIsLeftWithoutAWord(_ point: Point) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: point, .tls13)
                try dialogue.client.send("MAIL FROM:<>\r\n")
                try dialogue.upstream.expectEnd()
                try dialogue.client.expectEnd()
                #expect(try relay.record().end == "client_desync by client")
            }
        }

        // MARK: Lines

        @Test(arguments: [1023, 1024]) func aLineMayHave1024Bytes(_ length: Int) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                let line = "EHLO " + String(repeating: "x", count: length - 7) + "\r\n"
                try dialogue.say(line)
                #expect(line.utf8.count == length)
            }
        }

        @Test(arguments: [1025, 1026, 8192, 65_536]) func aLongerOneIsDroppedOnce(_ length: Int) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                let line = "EHLO " + String(repeating: "x", count: length - 7) + "\r\n"
                try dialogue.client.send(line + "NOOP\r\n")
                #expect(try dialogue.client.line().hasPrefix("500 5.5.2 Line too long ["))
                try dialogue.client.expect("250 2.0.0 Ok\r\n")
                try dialogue.client.send(line)
                try dialogue.isTurnedAway("421 4.7.0 Too many errors, closing connection", "bad_line by client")
                #expect(relay[.sessionsBadLine] == 1)
            }
        }

        @Test func anEndlessLineEndsTheSession() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Array(repeating: UInt8(ascii: "x"), count: (64 << 10) + 1024))
                try dialogue.isTurnedAway("421 4.5.2 Line too long, closing connection", "bad_line by client")
                #expect(relay[.sessionsBadLine] == 1)
            }
        }

        @Test(arguments: [
            "\r\n", "  \t \r\n", "NO\0OP\r\n", "NOOP\n\r\n", "NO\rOP\r\n", "EHLO c\nMAIL FROM:<>\r\n", "\0\r\n",
        ])
        func whatIsNoCommandIsRefusedOnce(_ line: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(line)
                #expect(try dialogue.client.line().hasPrefix("500 5.5.2 Syntax error ["))
                #expect(dialogue.upstream.isQuiet)
                try dialogue.client.send(line)
                try dialogue.isTurnedAway("421 4.7.0 Too many errors, closing connection", "bad_line by client")
            }
        }

        @Test func aLineThatDripsInDoesNotExtendItsTime() throws {
            try withRelay(Setup { $0.timeouts.command = .milliseconds(300) }) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                while !dialogue.client.hasInput(withinMilliseconds: 5) { try? dialogue.client.send("x") }
                #expect(try dialogue.client.line().hasPrefix("421 4.4.2 Idle timeout"))
            }
        }

        // MARK: The choice

        @Test func aPipelinedGroupGoesOnInOnePiece() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                let group = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: no"
                let before = dialogue.upstream.received.count
                try dialogue.client.send(group)
                _ = try dialogue.upstream.receive()
                #expect(dialogue.upstream.received[before...].elementsEqual(group.utf8))
            }
        }

        @Test func theClientMayGreetAgain() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.say("EHLO another.example\r\n")
                try dialogue.answer("250 mx.example\r\n", relayedAs: "250-mx.example\r\n250 STARTTLS\r\n")
                try dialogue.exchange("HELO another.example\r\n", "250 mx.example\r\n")
                try dialogue.quit()
                #expect(try relay.record()["greeting"] == "HELO")
                #expect(relay[.sessionsNonEsmtp] == 1)
                #expect(relay[.sessionsEsmtpUnencrypted] == 0)
            }
        }

        @Test func starttlsTakesNoParameter() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered, .tls13)
                try dialogue.client.send("STARTTLS now\r\n")
                #expect(try dialogue.client.line().hasPrefix("501 5.5.4 STARTTLS takes no parameter ["))
                try dialogue.client.send("starttls \r\n")
                try dialogue.client.expect(Dialogue.ready)
                try dialogue.secure()
                try dialogue.say(Dialogue.ehlo)
            }
        }

        @Test(arguments: ["MAIL FROM:<>", "AUTH PLAIN", "VRFY x", "DATA", "HELP", "EHLO c\r\nMAIL FROM:<>", "XYZZY"])
        func whereTLSIsRequiredNothingElsePasses(_ command: String) throws {
            try withRelay(Setup(.require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send(command + "\r\n")
                try dialogue.isTurnedAway("530 5.7.0 Must issue a STARTTLS command first", "tls_required by client")
            }
        }

        // MARK: HELO where STARTTLS is required

        @Test func heloWhereTLSIsRequiredLeadsNowhere() throws {
            try withRelay(Setup(.require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                for command in ["NOOP\r\n", "RSET\r\n"] {
                    try dialogue.client.send(command)
                    try dialogue.client.expect("250 Ok\r\n")
                }
                #expect(dialogue.upstream.isQuiet)
                try dialogue.client.send("MAIL FROM:<>\r\n")
                try dialogue.isTurnedAway("530 Must issue a STARTTLS command first", "tls_required by client")
            }
        }

        @Test func heloWhereTLSIsRequiredMayQuit() throws {
            try withRelay(Setup(.require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                try dialogue.client.send("QUIT\r\n")
                try dialogue.client.expect("221 Bye\r\n")
                dialogue.client.close()
                try dialogue.upstream.expect("QUIT\r\n")
                dialogue.upstream.close()
                #expect(try relay.record().end == "quit by client")
            }
        }

        @Test func heloWhereTLSIsRequiredMayBeFollowedByEhlo() throws {
            try withRelay(Setup(.require)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                try dialogue.say(Dialogue.ehlo)
                try dialogue.answer("250 mx.example\r\n", relayedAs: "250-mx.example\r\n250 STARTTLS\r\n")
                // A session is counted once, however often it says HELO.
                #expect(relay[.sessionsNonEsmtp] == 1)
            }
        }

        // MARK: Slow readers

        @Test func aClientThatNeverReadsItsRepliesRunsOutOfTime() throws {
            try withRelay(Setup { $0.timeouts.command = .seconds(1) }) { relay in
                let client = try relay.client(windowBytes: 2048)
                let upstream = try relay.upstream()
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                let line = "250-" + String(repeating: "x", count: 1000) + "\r\n"
                let reply = Array((String(repeating: line, count: 7) + "250 END\r\n").utf8)
                // Until the system has no room for another reply, and the session waits for the client to read.
                for _ in 0..<5000 {
                    try client.send(Dialogue.ehlo)
                    guard try upstream.read(atLeast: Dialogue.ehlo.utf8.count) == Array(Dialogue.ehlo.utf8) else {
                        break
                    }
                    try upstream.send(reply)
                    relay.settle()
                }
                #expect(try relay.record().end == "command_timeout by client")
                try upstream.expectEnd()
            }
        }
    }
}

extension Dialogue {
    /// The client is told why, the session ends, and the upstream hears nothing of it.
    func isTurnedAway(_ reply: String, _ end: String) throws {
        let line = try client.line()
        #expect(line.hasPrefix(reply + " ["))
        try client.expectEnd()
        client.close()
        try upstream.expectEnd()
        #expect(try relay.record().end == end)
    }
}
