import Testing
import Wire

@Suite struct EnvelopeCommandTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        let argument: String
        let error: EnvelopeCommandError
        var testDescription: String { visible(argument) }
    }

    static let senders: [Refused] = [
        Refused(argument: "", error: .noPath), Refused(argument: "FROM", error: .noPath),
        Refused(argument: "FROM:", error: .noPath), Refused(argument: "TO:<a@b>", error: .noPath),
        Refused(argument: "FROM <a@b>", error: .noPath), Refused(argument: " FROM:<a@b>", error: .noPath),
        Refused(argument: "FROM:<a b>", error: .badSender),
        Refused(argument: "FROM:<a@b>SIZE=1", error: .badParameters),
        Refused(argument: "FROM:<a@b> =1", error: .badParameters),
        Refused(argument: "FROM:<a@b> SIZE=", error: .badParameters),
        Refused(argument: "FROM:<a@b> -A=1", error: .badParameters),
        Refused(argument: "FROM:<a@b> A_B", error: .badParameters),
        Refused(argument: "FROM:<a@b> A=b=c", error: .badParameters),
        Refused(argument: "FROM:<a@b> A\t", error: .badParameters),
        Refused(argument: "FROM:<a@b>" + repeated(" A", 33), error: .conflictingParameters),
        Refused(argument: "FROM:<a@b> SIZE=1 size=2", error: .conflictingParameters),
        Refused(argument: "FROM:<a@b> SIZE", error: .badValue),
        Refused(argument: "FROM:<a@b> SIZE=-1", error: .badValue),
        Refused(argument: "FROM:<a@b> SIZE=1k", error: .badValue),
        Refused(argument: "FROM:<a@b> SIZE=" + repeated("0", 21), error: .badValue),
        Refused(argument: "FROM:<a@b> BODY=9BIT", error: .badValue),
        Refused(argument: "FROM:<a@b> BODY", error: .badValue),
        Refused(argument: "FROM:<a@b> SMTPUTF8=1", error: .badValue),
        Refused(argument: "FROM:<a@b> REQUIRETLS=1", error: .badValue),
        Refused(argument: "FROM:<a@b> RET=HEADERS", error: .badValue),
        Refused(argument: "FROM:<a@b> ENVID", error: .badValue),
        Refused(argument: "FROM:<a@b> ENVID=a+00", error: .badValue),
        Refused(argument: "FROM:<a@b> ENVID=a+0D+0A", error: .badValue),
        Refused(argument: "FROM:<a@b> ENVID=a+4", error: .badValue),
        Refused(argument: "FROM:<a@b> ENVID=" + repeated("x", 101), error: .badValue),
        Refused(argument: "FROM:<a@b> AUTH", error: .badValue),
        Refused(argument: "FROM:<a@b> AUTH=a+0Ab", error: .badValue),
        Refused(argument: "FROM:<a@b> AUTH=" + repeated("x", 501), error: .badValue),
    ]

    @Test(arguments: senders) func refusesSenders(_ refused: Refused) {
        for syntax in EnvelopeSyntax.allCases {
            #expect(throws: refused.error) { try MailCommand(argument: bytes(refused.argument), syntax: syntax) }
        }
    }

    static let recipients: [Refused] = [
        Refused(argument: "", error: .noPath), Refused(argument: "FROM:<a@b>", error: .noPath),
        Refused(argument: "TO:<>", error: .badRecipient), Refused(argument: "TO:<a", error: .badRecipient),
        Refused(argument: "TO:<a@b> NOTIFY", error: .badValue),
        Refused(argument: "TO:<a@b> NOTIFY=SOMETIMES", error: .badValue),
        Refused(argument: "TO:<a@b> NOTIFY=NEVER,DELAY", error: .badValue),
        Refused(argument: "TO:<a@b> NOTIFY=DELAY,delay", error: .badValue),
        Refused(argument: "TO:<a@b> NOTIFY=DELAY,", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=a@b", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=;a", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=rfc822;", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=rfc822;a+00b", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=rfc_822;a", error: .badValue),
        Refused(argument: "TO:<a@b> ORCPT=rfc822;" + repeated("x", 494), error: .badValue),
    ]

    @Test(arguments: recipients) func refusesRecipients(_ refused: Refused) {
        for syntax in EnvelopeSyntax.allCases {
            #expect(throws: refused.error) {
                try RcptCommand(argument: bytes(refused.argument), syntax: syntax, usesSMTPUTF8: true)
            }
        }
    }

    @Test func understandsWhatMAILSays() throws {
        let text = "from:<a@b> SIZE=1000 body=8bitmime SMTPUTF8 AUTH=c+2Bd@e RET=HDRS ENVID=x+3Dy REQUIRETLS X-OWN=1"
        let command = try MailCommand(argument: bytes(text), syntax: .strict)
        #expect(command.sender?.localPart == bytes("a") && command.sender?.domain == bytes("b"))
        #expect(command.size == 1_000 && command.body == .eightBitMIME && command.usesSMTPUTF8 && command.requiresTLS)
        #expect(command.submitter == bytes("c+d@e") && command.returned == .headers)
        #expect(command.identifier == bytes("x+3Dy"))
        #expect(
            command.parameters.map { String(decoding: $0.rendered, as: UTF8.self) } == [
                "SIZE=1000", "BODY=8bitmime", "SMTPUTF8", "AUTH=c+2Bd@e", "RET=HDRS", "ENVID=x+3Dy", "REQUIRETLS",
                "X-OWN=1",
            ])
        #expect(
            command.parameters.map(\.capability) == [
                .size, .eightBitMIME, .smtpUTF8, .auth, .dsn, .dsn, .requireTLS, nil,
            ])
    }

    @Test func understandsWhatRCPTSays() throws {
        let text = "to:<a@b> NOTIFY=success,FAILURE,DELAY ORCPT=rfc822;x+2By@z"
        let command = try RcptCommand(argument: bytes(text), syntax: .strict, usesSMTPUTF8: false)
        #expect(command.notifications == [.success, .failure, .delay])
        #expect(command.originalRecipient == bytes("rfc822;x+2By@z"))
        let never = try RcptCommand(
            argument: bytes("TO:<a@b> NOTIFY=NEVER ORCPT=utf-8;grå@z"), syntax: .strict, usesSMTPUTF8: false)
        #expect(never.notifications == [.never] && never.originalRecipient == bytes("utf-8;grå@z"))
    }

    @Test(
        arguments: [
            ("0", 0), ("00000000000000000007", 7), ("9223372036854775807", .max), ("9223372036854775808", .max),
            ("99999999999999999999", .max), ("18446744073709551616", .max),
        ] as [(String, Int)]) func sizesDoNotOverflow(_ digits: String, _ size: Int) throws
    {
        #expect(try MailCommand(argument: bytes("FROM:<> SIZE=\(digits)"), syntax: .strict).size == size)
    }

    @Test func aSubmitterMayBeNobody() throws {
        #expect(try MailCommand(argument: bytes("FROM:<> AUTH=<>"), syntax: .strict).submitter == [])
        #expect(
            try MailCommand(argument: bytes("FROM:<> BODY=BINARYMIME"), syntax: .strict).parameters[0].capability
                == .binaryMIME)
    }

    @Test(
        arguments: [
            ("client.example", .domain), ("localhost", .domain), ("[192.0.2.1]", .addressLiteral),
            ("[IPv6:2001:db8::1]", .addressLiteral), ("192.0.2.1", .other), ("my_laptop", .other),
            ("[192.0.2.1", .other),
            ("-a", .other), ("a..b", .other), ("2001:db8::1", .other), (" padded", .domain), ("grå", .domain),
        ] as [(Text, GreetingName.Form)]) func clientsNames(_ name: Text, _ form: GreetingName.Form) throws
    {
        let read = try GreetingName(argument: bytes(name.string))
        #expect(read.form == form)
        #expect(read.bytes == bytes(name.string).drop { $0 == 0x20 } + [])
    }

    @Test(arguments: ["", " ", "two words", "a\tb", "a\u{7f}", "a\u{1}", Text(repeated("a", 256))])
    func noNamesOfClients(_ name: Text) {
        #expect(throws: EnvelopeCommandError.badName) { try GreetingName(argument: bytes(name.string)) }
    }

    @Test func noNameIsOtherThanUTF8() {
        #expect(throws: EnvelopeCommandError.badName) { try GreetingName(argument: [0x61, 0xC3]) }
    }

    @Test(
        arguments: [
            .noPath, .badSender, .badRecipient, .badParameters, .conflictingParameters, .badValue, .needsSMTPUTF8,
            .badName,
        ] as [EnvelopeCommandError]) func everyErrorHasWordsAndAReply(_ error: EnvelopeCommandError)
    {
        #expect(!"\(error)".isEmpty)
        #expect([501, 553].contains(error.reply.code))
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1", true), ("post /", true), ("CONNECT mx:25 HTTP/1.1", true), ("Host: mx.example", true),
            ("user-agent: x", true), ("GET", false), ("GETX /", false), ("HELO x", false), ("HOST", false), ("", false),
            ("MAIL FROM:<get@host>", false), ("EHLO host:", false), ("PUT /x", true), ("OPTIONS *", true),
        ] as [(Text, Bool)]) func programsThatTakeThisForAWebServer(_ line: Text, _ isOne: Bool)
    {
        #expect(HTTPLine.isOne(bytes(line.string).span) == isOne)
        #expect(HTTPLine.isOne(bytes(line.string + "\r\n").span) == isOne)
    }
}
