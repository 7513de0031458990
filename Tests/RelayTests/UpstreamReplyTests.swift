import Relay
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// What the upstream may say before the hand-off, and what the client hears of it.
    @Suite struct UpstreamReplyTests {
        // MARK: EHLO replies

        @Test(arguments: [
            ("250 mx\r\n", "250-mx\r\n250 STARTTLS\r\n"),
            ("250\r\n", "250-\r\n250 STARTTLS\r\n"),
            ("250-mx\r\n250\r\n", "250-mx\r\n250-\r\n250 STARTTLS\r\n"),
            ("250-mx\r\n250 STARTTLS\r\n", "250-mx\r\n250 STARTTLS\r\n"),
            ("250-mx\r\n250-starttls\r\n250 SIZE\r\n", "250-mx\r\n250-starttls\r\n250 SIZE\r\n"),
            ("250-mx\r\n250 STARTTLSX\r\n", "250-mx\r\n250-STARTTLSX\r\n250 STARTTLS\r\n"),
            ("250 STARTTLS\r\n", "250-STARTTLS\r\n250 STARTTLS\r\n"),
            ("250-mx\r\n250 AUTH PLAIN STARTTLS\r\n", "250-mx\r\n250-AUTH PLAIN STARTTLS\r\n250 STARTTLS\r\n"),
        ]) func starttlsIsAddedOnce(_ reply: String, _ edited: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.answer(reply, relayedAs: edited)
                try dialogue.client.send("NOOP\r\n")
                try dialogue.client.expect("250 2.0.0 Ok\r\n")
            }
        }

        @Test(arguments: [
            ("250 mx\r\n", "250 mx\r\n"),
            ("250-mx\r\n250 STARTTLS\r\n", "250 mx\r\n"),
            ("250-mx\r\n250-StartTLS\r\n250 SIZE\r\n", "250-mx\r\n250 SIZE\r\n"),
            ("250-mx\r\n250-SIZE\r\n250 STARTTLS now\r\n", "250-mx\r\n250 SIZE\r\n"),
            ("250-STARTTLS\r\n250-STARTTLS\r\n250 STARTTLSX\r\n", "250-STARTTLS\r\n250 STARTTLSX\r\n"),
        ]) func starttlsIsTakenAwayInsideTLS(_ reply: String, _ edited: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSentAgain, .tls13)
                try dialogue.answer(reply, relayedAs: edited)
                try dialogue.quit()
            }
        }

        @Test(arguments: ["502 5.5.1 No ESMTP\r\n", "451-Later\r\n451 please\r\n", "251 odd\r\n"])
        func aClientWhoseEhloIsRefusedMayGreetAgain(_ refusal: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.exchange(Dialogue.ehlo, refusal)
                try dialogue.client.send("NOOP\r\n")
                try dialogue.client.expect("250 2.0.0 Ok\r\n")
                try dialogue.exchange(Dialogue.ehlo, refusal)
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                try dialogue.quit()
            }
        }

        @Test func aClientWhoseEhloIsRefusedInsideTLSMayGreetAgain() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .secured, .tls13)
                try dialogue.exchange(Dialogue.ehlo, "451 4.3.0 Later\r\n")
                try dialogue.say(Dialogue.ehlo)
                try dialogue.answer(Dialogue.ehloReply, relayedAs: Dialogue.ehloReplyWithoutTLS)
                try dialogue.exchange("HELO client.example\r\n", "250 mx.example\r\n")
                try dialogue.quit()
            }
        }

        // MARK: Limits

        @Test func aReplyMayHaveLinesOf1024Bytes() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                let line = "250-" + String(repeating: "x", count: 1018) + "\r\n"
                try dialogue.answer(line + "250 STARTTLS\r\n")
            }
        }

        /// 64 lines of 1,024 bytes are 65,536; STARTTLS needs 14 of them.
        @Test(arguments: [0, 13, 14, 15]) func aReplyMayHave65536BytesWithOurLine(_ room: Int) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                let line = "250-" + String(repeating: "x", count: 1018) + "\r\n"
                let last = "250 " + String(repeating: "x", count: 1018 - room) + "\r\n"
                let reply = String(repeating: line, count: 63) + last
                try dialogue.upstream.send(reply)
                if room < 14 { return try dialogue.isGivenUp() }
                let edited = String(repeating: line, count: 63) + "250-" + last.dropFirst(4) + "250 STARTTLS\r\n"
                try dialogue.client.expect(edited)
            }
        }

        // MARK: What is no reply

        @Test(arguments: badReplies, [Point.connected, .ehloSent, .ehloSentAgain])
        func whatIsNoReplyEndsTheSession(_ bytes: String, _ point: Point) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: point, .tls13)
                try dialogue.upstream.send(bytes)
                try dialogue.isGivenUp()
            }
        }

        private static let badReplies = [
            "25\r\n", "2\r\n", "\r\n", "abc hello\r\n", "250_hello\r\n", " 250 hello\r\n", "2500\r\n", "250 a\0b\r\n",
            "250 a\nb\r\n", "250 a\rb\r\n", "250-a\r\n251 b\r\n", "250-a\r\nb\r\n", "250 a\r\n250 b\r\n", "250 a\r\n2",
            "250 " + String(repeating: "x", count: 1019) + "\r\n", "250 " + String(repeating: "x", count: 100_000),
            String(repeating: "250-" + String(repeating: "x", count: 994) + "\r\n", count: 66),
            String(repeating: "250-\r\n", count: 11_000),
        ]

        @Test func aBareLineFeedEndsNoReply() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .connected)
                try dialogue.upstream.send("220 hello\n")
                relay.settle()
                #expect(dialogue.client.isQuiet)
                try dialogue.upstream.send("\r\n")
                try dialogue.isGivenUp()
            }
        }

        // MARK: Out of turn

        @Test(
            arguments: [
                "250 hello\r\n", "250 hel", "2", "\r\n", "42", "421 bye\r\n250 hello\r\n", "421-bye\r\n250 no\r\n",
                "4210\r\n",
            ],
            [Point.greeted, .ehloAnswered, .secured])
        func anUpstreamOutOfTurnIsNotHeard(_ text: String, _ point: Point) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: point, .tls13)
                try dialogue.upstream.send(text)
                if text == "42" { try dialogue.upstream.finish() }
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                let record = try relay.record()
                #expect(record.end == "upstream_desync by upstream")
                #expect(relay[.sessionsUpstreamDesync] == 1)
                #expect(relay[.sessionsCommandTimeout] == 0)
            }
        }

        // MARK: 421

        @Test(
            arguments: [Point.connected, .greeted, .ehloSent, .ehloAnswered, .readyForTLS, .secured, .ehloSentAgain],
            ["421 4.3.2 Closing\r\n", "421-4.3.2 Closing\r\n421 now\r\n", "421\r\n"])
        func theUpstreamsLeaveIsRelayed(_ point: Point, _ text: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: point, .tls13)
                try dialogue.upstream.send(text)
                if point == .readyForTLS { try dialogue.secure() }
                try dialogue.client.expect(text)
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "upstream_421 by upstream")
                #expect(relay[.sessionsUpstream421] == 1)
                #expect(relay[.sessionsUpstreamDesync] == 0)
            }
        }

        @Test func theUpstreamsLeaveIsRelayedInTheMiddleOfACommand() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("MAIL FR")
                relay.settle()
                try dialogue.upstream.send("421 4.4.2 Idle\r\n")
                try dialogue.client.expect("421 4.4.2 Idle\r\n")
                try dialogue.client.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "upstream_421 by upstream")
                #expect(relay[.sessionsDownstreamDesync] == 0)
            }
        }

        // MARK: A greeting that is none

        @Test(arguments: ["554 5.7.1 Go away\r\n", "450-Not\r\n450 now\r\n", "250 odd\r\n"])
        func aRefusalIsRelayedAndOnlyQuitMakesSense(_ refusal: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .connected)
                try dialogue.answer(refusal)
                try dialogue.upstream.expectEnd()
                for command in ["EHLO c\r\n", "NOOP\r\n", "MAIL FROM:<>\r\n"] {
                    try dialogue.client.send(command)
                    #expect(try dialogue.client.line().hasPrefix("503 5.5.1 Bad sequence of commands ["))
                }
                try dialogue.client.send("QUIT\r\n")
                try dialogue.client.expect("221 2.0.0 Bye\r\n")
                try dialogue.client.expectEnd()
                dialogue.client.close()
                #expect(try relay.record().end == "quit by client")
                relay.settle()
                #expect(relay[.upstreamRxBytes] == UInt64(refusal.utf8.count))
            }
        }
    }
}

extension Dialogue {
    /// The client is told that the upstream speaks no SMTP, and the session ends.
    func isGivenUp() throws {
        let line = try client.line()
        #expect(line.hasPrefix("421 4.3.0 Upstream reply not valid ["))
        try client.expectEnd()
        client.close()
        _ = try upstream.readToEnd()
        #expect(try relay.record().end == "upstream_bad_reply by upstream")
        #expect(relay[.sessionsUpstreamBadReply] == 1)
    }
}
