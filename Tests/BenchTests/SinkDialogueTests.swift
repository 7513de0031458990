import Testing

@testable import mailrace_bench

/// What the sink answers to what our own client never says.
@Suite struct SinkDialogueTests {
    /// What comes of these commands, as the codes of the replies; the greeting is read first. CRLF is put behind each,
    /// and so belongs to a chunk that stands at its end.
    private func codes(_ commands: [String], _ change: (inout SinkSettings) throws -> Void = { _ in }) throws
        -> [String]
    {
        var settings = SinkSettings()
        try change(&settings)
        let server = try SinkServer(settings)
        let dialogue = try Dialogue(server.address)
        var codes = [String(dialogue.hear().prefix(3))]
        for command in commands { codes.append(String(dialogue.ask(command).prefix(3))) }
        _ = server.finish()
        return codes
    }

    @Test func chunksHaveTheirPlace() throws {
        let transaction = ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a>"]
        #expect(try codes(["BDAT 5 LAST\r\nabc"]) == ["220", "503"])
        #expect(
            try codes(transaction + ["BDAT 5\r\nabc", "DATA", "RCPT TO:<b>", "MAIL FROM:<>", "BDAT 0 LAST", "NOOP"])
                == ["220", "250", "250", "250", "250", "503", "503", "503", "250", "250"])
        #expect(
            try codes(transaction + ["BDAT 5\r\nabc", "RSET", "BDAT 0 LAST"])
                == ["220", "250", "250", "250", "250", "250", "503"])
        for wrong in ["", "x", "-1", "1 2", "1 LAST x", "999999999999999999999"] {
            let codes = try codes(transaction + ["BDAT \(wrong)"])
            #expect(codes.last == "501")
        }
    }

    @Test func aRefusedFirstChunkEndsTheTransaction() throws {
        let commands = ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a>", "BDAT 5\r\nabc", "BDAT 5 LAST\r\nabc", "NOOP"]
        #expect(
            try codes(commands) { $0.faults.add(try .refusal("data:452")) }
                == ["220", "250", "250", "250", "452", "503", "250"])
    }

    @Test func messagesThatAreTooLongAreRefused() throws {
        let commands = ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a>", "BDAT 9 LAST\r\n1234567", "NOOP"]
        #expect(try codes(commands) { $0.messageLimitBytes = 8 }.suffix(2) == ["552", "250"])
    }

    @Test func xclientBeginsTheSessionAnew() throws {
        let commands = ["EHLO x", "XCLIENT NAME=a.example addr=192.0.2.1", "MAIL FROM:<>", "EHLO x", "MAIL FROM:<>"]
        #expect(try codes(commands) { $0.takesXclient = true } == ["220", "250", "220", "503", "250", "250"])
        for wrong in ["XCLIENT", "XCLIENT NAME", "XCLIENT COLOUR=red"] {
            #expect(try codes(["EHLO x", wrong]) { $0.takesXclient = true }.last == "501")
        }
        #expect(try codes(["EHLO x", "XCLIENT NAME=a"]).last == "500")
        let within = try codes(["EHLO x", "MAIL FROM:<>", "XCLIENT NAME=a"]) { $0.takesXclient = true }
        #expect(within.last == "503")
    }

    @Test func authenticationHasItsRules() throws {
        func last(_ commands: [String]) throws -> String? {
            try codes(["EHLO x"] + commands) { $0.authenticates = true }.last
        }
        #expect(try last(["AUTH PLAIN", "AGEAYg=="]) == "235")
        #expect(try last(["AUTH PLAIN", "*"]) == "501")
        #expect(try last(["AUTH PLAIN YQ=="]) == "535")
        #expect(try last(["AUTH LOGIN YQ==", "Yg=="]) == "235")
        #expect(try last(["AUTH CRAM-MD5", "YSBi"]) == "235")
        #expect(try last(["AUTH CRAM-MD5", "YQ=="]) == "535")
        #expect(try last(["AUTH CRAM-MD5", "*"]) == "501")
        #expect(try last(["AUTH CRAM-MD5 YSBi"]) == "501")
        #expect(try last(["AUTH GSSAPI"]) == "504")
        #expect(try last(["AUTH PLAIN AGEAYg==", "AUTH PLAIN AGEAYg=="]) == "503")
        #expect(try codes(["EHLO x", "AUTH PLAIN AGEAYg=="]).last == "500")
        let refused = try codes(["EHLO x", "AUTH PLAIN AGEAYg=="]) {
            $0.authenticates = true
            $0.faults.add(try .refusal("auth:454"))
        }
        #expect(refused.last == "454")
    }

    @Test func lmtpIsNotSMTP() throws {
        #expect(try codes(["EHLO x", "LHLO x"]) { $0.isLMTP = true } == ["220", "500", "250"])
        #expect(try codes(["LHLO x", "HELO x"]) == ["220", "500", "250"])
    }

    @Test func whatIsNoHeaderBeginsNoSession() throws {
        var settings = SinkSettings()
        settings.readsProxyHeader = true
        let server = try SinkServer(settings)
        let stranger = try Dialogue(server.address)
        stranger.say("EHLO x\r\n")
        #expect(stranger.hearEnd() == .closed)
        let known = try Dialogue(server.address)
        known.say("PROXY UNKNOWN\r\n")
        #expect(known.hear().hasPrefix("220"))
        let report = server.finish()
        #expect(report.proxyFailures == 1)
        #expect(report.proxied == 1)
    }

    @Test(arguments: [("close", Dialogue.End.closed), ("reset", .reset)])
    func connectionsAreDroppedAsAskedFor(_ how: String, _ end: Dialogue.End) throws {
        var settings = SinkSettings()
        settings.faults.add(try .drop("mail:\(how)"))
        let server = try SinkServer(settings)
        let dialogue = try Dialogue(server.address)
        #expect(dialogue.hear().hasPrefix("220"))
        #expect(dialogue.ask("EHLO x").hasPrefix("250"))
        dialogue.say("MAIL FROM:<>\r\n")
        #expect(dialogue.hearEnd() == end)
        #expect(server.finish().dropped == 1)
    }

    @Test func aRefusalWithinAMessageEndsTheSession() throws {
        let commands = ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a>", "DATA", "some of it", "NOOP"]
        #expect(
            try codes(commands) { $0.faults.add(try .refusal("body:421")) }.suffix(3) == ["354", "421", ""])
    }
}
