import Policy
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What Mailrace answers at envelope depth as long as there is no upstream.
    @Suite struct EnvelopeCommandTests {
        @Test func greetsItselfAndDialsNobody() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.greetedClient()
                try client.ask("EHLO client.example", "250 relay.example")
                try client.ask("HELO client.example", "250 relay.example")
                try client.ask("QUIT", "221 Bye")
                try client.isLeft()
                #expect(try relay.isUpstreamAlone)
                let record = try relay.record()
                #expect(record.end == "quit by client")
                #expect(record.phase == "command")
                #expect(record["name"] == "client.example")
                #expect(record["upstream"] == nil)
                #expect(relay[.sessionsNonEsmtp] == 1)
            }
        }

        @Test func listsWhatIsConfiguredAndWhatItDoesItself() throws {
            let setup = Setup.envelope(.offer) { setup in
                setup.envelope.capabilities = ["PIPELINING", "SIZE 1000", "8BITMIME"]
                setup.authenticateAll(by: [.plain, .login, .external])
                setup.envelope.greetingText = "ESMTP at your service"
            }
            try withRelay(setup) { relay in
                let client = try relay.client()
                try client.expect("220 relay.example ESMTP at your service\r\n")
                try client.ask("EHLO client.example", "250-relay.example")
                try client.expect(
                    "250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n")
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                try client.ask("EHLO client.example", "250-relay.example")
                try client.expect("250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n")
            }
        }

        static let commands = [
            ("NOOP", "250 2.0.0 Ok"), ("noop with words", "250 2.0.0 Ok"), ("RSET", "250 2.0.0 Ok"),
            ("VRFY postmaster", "252 2.0.0 Not verified here, mail to it will tell"),
            ("HELP", "214 2.0.0 See RFC 5321"),
            ("EXPN staff", "502 5.5.1 Command not implemented"), ("ETRN x", "502 5.5.1 Command not implemented"),
            ("DATA", "503 5.5.1 Bad sequence of commands"),
            ("BDAT 5 LAST", "503 5.5.1 Bad sequence of commands"),
            ("RCPT TO:<b@example.com>", "503 5.5.1 Bad sequence of commands"),
            ("XCLIENT ADDR=192.0.2.1", "550 5.7.0 Not authorised to do that"),
            ("XFORWARD ADDR=192.0.2.1", "550 5.7.0 Not authorised to do that"),
            ("LHLO client.example", "500 5.5.2 Command not recognised"), ("XYZZY", "500 5.5.2 Command not recognised"),
            ("", "500 5.5.2 Syntax error"), ("NO\u{0}OP", "500 5.5.2 Syntax error"),
            ("NOOP\nNOOP", "500 5.5.2 Syntax error"), ("EHLO", "501 5.5.4 Syntax: EHLO name, HELO name"),
            ("HELO", "501 5.5.4 Syntax: EHLO name, HELO name"), ("STARTTLS", "502 5.5.1 Command not implemented"),
            ("AUTH PLAIN AGEAYg==", "502 5.5.1 Command not implemented"),
            ("MAIL FROM:<a b>", "501 5.1.7 Bad sender address syntax"),
            ("MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>, RCPT TO:<address>"),
            ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4 Value of a parameter not valid"),
        ]

        @Test(arguments: commands) func answersOneCommand(_ command: String, _ reply: String) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(command, reply)
                try client.ask("NOOP", "250 2.0.0 Ok")
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test(arguments: ["GET / HTTP/1.1", "post /x HTTP/1.0", "Host: relay.example"])
        func webClientsAreSentAway(_ line: String) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.greetedClient()
                try client.ask(line, "221 2.7.0 This is no web server")
                try client.isLeft()
                #expect(try relay.record().end == "not_smtp by client")
            }
        }

        @Test func heloMeansNoEnhancedStatus() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.greetedClient()
                try client.ask("HELO client.example", "250 relay.example")
                try client.ask("NOOP", "250 Ok")
                try client.ask("DATA", "503 Bad sequence of commands")
            }
        }

        @Test(arguments: ["EHLO client.example", "HELO client.example", "RSET"])
        func forgetsTheTransaction(_ command: String) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<a@example.org>", "250 2.1.0 Ok")
                try client.ask("MAIL FROM:<a@example.org>", "503 5.5.1 Bad sequence of commands")
                try client.send(command + "\r\n")
                while try client.line().hasPrefix("250-") {}
                try client.send("RCPT TO:<b@example.com>\r\n")
                #expect(try client.line().hasPrefix("503 "))
                try client.send("MAIL FROM:<>\r\n")
                #expect(try client.line().hasPrefix("250 "))
            }
        }

        // MARK: One command after the other, however they come

        @Test func aMebibyteOfCommandsIsAnswered() throws {
            let setup = Setup.envelope {
                $0.envelope.commandsMax = 1 << 20
                $0.envelope.errorsMax = 1 << 20
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                let count = (1 << 20) / 6
                let sending = client.sendInBackground(Array(String(repeating: "NOOP\r\n", count: count).utf8))
                let replies = Array(String(repeating: "250 2.0.0 Ok\r\n", count: count).utf8)
                try client.expect(replies)
                sending.join()
            }
        }

        @Test func repliesGoOutTogether() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.send("NOOP\r\nRSET\r\nVRFY x\r\nMAIL FROM:<>\r\nNO")
                // One read, as there has been one write.
                let replies = "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n252 2.0.0 Not verified here, mail to it will tell\r\n"
                let before = client.received.count
                #expect(try client.receive())
                #expect(client.received.count - before == (replies + "250 2.1.0 Ok\r\n").utf8.count)
            }
        }

        @Test func segmentsMakeNoDifference() throws {
            try withRelay(.envelope()) { relay in
                let text = "EHLO c\r\nNOOP\r\nMAIL FROM:<a@b.c>\r\nRSET\r\nXX\r\n"
                for cut in 1..<text.utf8.count {
                    let client = try relay.greetedClient()
                    try relay.send(text, cut: cut, by: client)
                    for reply in ["250 relay.example", "250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.0.0 Ok"] {
                        try client.expectReply(reply)
                    }
                    try client.expectReply("500 5.5.2 Command not recognised")
                    client.close()
                }
            }
        }

        // MARK: Limits

        @Test func anErrorTooManyEndsTheSession() throws {
            try withRelay(.envelope { $0.envelope.errorsMax = 3 }) { relay in
                let client = try relay.introducedClient()
                for _ in 0..<3 { try client.ask("XYZZY", "500 5.5.2 Command not recognised") }
                try client.ask("XYZZY", "421 4.7.0 Too many errors, closing connection")
                try client.isLeft()
                #expect(try relay.record().end == "too_many_commands by client")
            }
        }

        @Test func commandsForNothingAreMistakesInTheEnd() throws {
            try withRelay(.envelope { $0.envelope.errorsMax = 2 }) { relay in
                let client = try relay.introducedClient()
                // EHLO was one of the hundred.
                for _ in 0..<101 { try client.ask("NOOP", "250 2.0.0 Ok") }
                try client.ask("NOOP", "421 4.7.0 Too many errors, closing connection")
                try client.isLeft()
            }
        }

        @Test func thereIsAnEndToCommands() throws {
            try withRelay(.envelope { $0.envelope.commandsMax = 5 }) { relay in
                let client = try relay.introducedClient()
                try client.send(String(repeating: "NOOP\r\n", count: 6))
                for _ in 0..<4 { try client.expectReply("250 2.0.0 Ok") }
                try client.expectReply("421 4.7.0 Too many errors, closing connection")
                try client.isLeft()
            }
        }

        @Test(arguments: [4096, 4097, 12_288, 12_289, 60_000]) func linesHaveALimit(_ length: Int) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.send("NOOP " + String(repeating: "x", count: length - 7) + "\r\nNOOP\r\n")
                try client.expectReply(length <= 4096 ? "250 2.0.0 Ok" : "500 5.5.2 Line too long")
                try client.expectReply("250 2.0.0 Ok")
            }
        }

        /// Smaller and larger than AUTH's own limit; a pipeline is answered whatever it is.
        @Test(arguments: [512, 12_288, 100_000]) func theLimitMayBeAnother(_ limit: Int) throws {
            let setup = Setup.envelope {
                $0.envelope.commandLineBytesMax = limit
                $0.envelope.commandsMax = 100_000
                $0.envelope.errorsMax = 100_000
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                let line = "NOOP " + String(repeating: "x", count: limit - 7) + "\r\n"
                let count = (1 << 20) / limit
                let sending = client.sendInBackground(Array(String(repeating: line, count: count).utf8))
                try client.expect(Array(String(repeating: "250 2.0.0 Ok\r\n", count: count).utf8))
                sending.join()
                guard limit < 64 << 10 else { return }
                try client.send("X" + line + "NOOP\r\n")
                try client.expectReply("500 5.5.2 Line too long")
                try client.expectReply("250 2.0.0 Ok")
            }
        }

        /// A pipeline cut at every byte, as far as it goes before an upstream is needed: the same replies.
        @Test func cutsMakeNoDifferenceWithAUTH() throws {
            let text =
                "EHLO c\r\nAUTH PLAIN\r\n*\r\nAUTH LOGIN\r\ndXNlcg==\r\ncGFzc3dvcmQ=\r\nVRFY x\r\nMAIL FROM:<>\r\nQUIT\r\n"
            let setup = Setup.envelope { setup in
                setup.authenticate { _ in .refused(Refusal(reply: .authenticationFailed)) }
                setup.limits.acceptsPerAddressMax = 0
            }
            try withRelay(setup) { relay in
                for cut in 1..<text.utf8.count {
                    let client = try relay.greetedClient()
                    try relay.send(text, cut: cut, by: client)
                    try client.expect("250-relay.example\r\n250 AUTH PLAIN LOGIN\r\n334 \r\n")
                    try client.expectReply("501 5.7.0 Authentication cancelled")
                    try client.expect("334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n")
                    try client.expectReply("535 5.7.8 Authentication credentials invalid")
                    try client.expectReply("252 2.0.0 Not verified here, mail to it will tell")
                    try client.expectReply("530 5.7.0 Authentication required")
                    try client.expectReply("221 2.0.0 Bye")
                    client.close()
                }
            }
        }

        @Test func anEndlessLineEndsTheSession() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.send(Array(repeating: UInt8(ascii: "x"), count: (64 << 10) + 20_000))
                try client.expectReply("421 4.5.2 Line too long, closing connection")
                try client.isLeft()
            }
        }

        @Test func silenceEndsWithAReply() throws {
            try inLittleTime { short in
                var isThere = false
                try withRelay(.envelope { $0.timeouts.command = short }) { relay in
                    guard let client = try? relay.introducedClient() else { return }
                    isThere = true
                    try client.expectReply("421 4.4.2 Idle timeout, closing connection")
                    try client.isLeft()
                    #expect(try relay.record().end == "command_timeout by client")
                }
                return isThere
            }
        }

        @Test func soDoesTooMuchTalk() throws {
            try inLittleTime { short in
                var isThere = false
                try withRelay(.envelope { $0.envelope.conversationTimeout = short }) { relay in
                    guard let client = try? relay.introducedClient() else { return }
                    isThere = true
                    while !client.hasInput(withinMilliseconds: 20) { try? client.send("X") }
                    try client.expectReply("421 4.4.2 Idle timeout, closing connection")
                }
                return isThere
            }
        }

        @Test func aDrainEndsItWithAReply() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                relay.beginDrain(deadline: .seconds(10))
                try client.expectReply("421 4.3.2 Service shutting down")
                try client.isLeft()
                client.close()
                relay.drained()
                #expect(try relay.record().end == "drained by mailrace")
            }
        }

        @Test func aClientThatLeavesEndsIt() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                client.close()
                #expect(try relay.record().end == "client_closed by client")
            }
        }

        // MARK: The greeting

        @Test(arguments: [nil, "a moment, please"]) func holdsTheGreetingBack(_ teaser: String?) throws {
            let setup = Setup.envelope {
                $0.envelope.greetingDelay = .milliseconds(80)
                $0.envelope.teaser = teaser
            }
            try withRelay(setup) { relay in
                let start = Instant.current()
                let client = try relay.client()
                if let teaser { try client.expect("220-relay.example \(teaser)\r\n") }
                try client.expect(TestRelay.envelopeGreeting)
                #expect(Instant.current() >= start + .milliseconds(80))
                try client.introduce()
            }
        }

        @Test(arguments: ["E", "EHLO c\r\n", "EHLO c\r\nQUIT\r\n"]) func refusesEarlyTalkers(_ words: String) throws {
            try withRelay(.envelope { $0.envelope.greetingDelay = .seconds(30) }) { relay in
                let client = try relay.client()
                try client.send(words)
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
                #expect(try relay.record().end == "early_talker by client")
                #expect(relay[.earlyDataReceivedCountTotal] == 1)
            }
        }

        // MARK: Checks

        @Test func aCheckMayRefuseASessionOrACommand() throws {
            let setup = Setup.envelope { setup in
                setup.policies = { _ in
                    let check = ScriptedCheck([.connect, .helo, .mail, .rcpt]) { stage, facts in
                        switch stage {
                        case .helo where facts.greeting?.name == Array("bad.example".utf8):
                            .refuse(LocalReply(code: 450, status: EnhancedStatus(4, 7, 1)!, text: "Later")!)
                        case .mail where facts.reversePath?.address.isEmpty == true: .unavailable
                        case .rcpt: .refuse(.tooOften)
                        default: .accept
                        }
                    }
                    return ListenerPolicies(gate: StageGate([StageGate.Entry(check)]))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.greetedClient()
                let outOfOrder = "503 5.5.1 Bad sequence of commands"
                try client.ask("MAIL FROM:<a@example.org>", outOfOrder)
                try client.ask("EHLO bad.example", "450 4.7.1 Later")
                try client.ask("MAIL FROM:<a@example.org>", outOfOrder)
                try client.introduce()
                try client.ask("MAIL FROM:<>", "451 4.3.0 Temporarily unable to decide, try again later")
                try client.ask("RCPT TO:<b@example.com>", outOfOrder)
                try client.ask("MAIL FROM:<a@example.org>", "250 2.1.0 Ok")
                try client.ask(
                    "RCPT TO:<b@example.com>", "421 4.7.0 Too many connections from your address, slow down")
                try client.isLeft()
                #expect(try relay.record().end == "unwelcome by mailrace")
                #expect(relay.counters.values(of: .checkRefusals) == ["script": 3])
            }
        }

        @Test func aCheckMayRefuseTheConnection() throws {
            let setup = Setup.envelope { setup in
                setup.policies = { _ in
                    let check = ScriptedCheck(.connect) { _, _ in .refuse(.tooOften) }
                    return ListenerPolicies(gate: StageGate([StageGate.Entry(check)]))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.client()
                try client.expectReply("421 4.7.0 Too many connections from your address, slow down")
                try client.isLeft()
                #expect(try relay.record().end == "unwelcome by mailrace")
            }
        }
    }
}
