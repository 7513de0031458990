import Testing
import Wire

@Suite struct CommandTests {
    struct Line: Sendable, CustomTestStringConvertible {
        var text: String
        var verb: Verb
        var argument = ""
        var testDescription: String { visible(text) }
    }

    static let lines: [Line] = [
        Line(text: "QUIT", verb: .quit),
        Line(text: "quit", verb: .quit),
        Line(text: "qUiT", verb: .quit),
        Line(text: "QUIT ", verb: .quit),
        Line(text: "QUIT \t ", verb: .quit),
        Line(text: "QUIT\t", verb: .quit),
        Line(text: "EHLO client.example", verb: .ehlo, argument: "client.example"),
        Line(text: "ehlo client.example \t", verb: .ehlo, argument: "client.example"),
        Line(text: "EHLO  client.example", verb: .ehlo, argument: " client.example"),
        Line(text: "EHLO\tclient.example", verb: .unknown),
        Line(text: "EHLO [IPv6:2001:db8::1]", verb: .ehlo, argument: "[IPv6:2001:db8::1]"),
        Line(text: "EHLO", verb: .ehlo),
        Line(text: "MAIL FROM:<a@b> SIZE=10", verb: .mail, argument: "FROM:<a@b> SIZE=10"),
        Line(text: "MAIL FROM:<grå@example>", verb: .mail, argument: "FROM:<grå@example>"),
        Line(text: "STARTTLS", verb: .starttls),
        Line(text: "STARTTLS ", verb: .starttls),
        Line(text: "starttls now", verb: .starttls, argument: "now"),
        Line(text: "STARTTLSX", verb: .unknown),
        Line(text: "STARTTL", verb: .unknown),
        Line(text: "START TLS", verb: .unknown, argument: "TLS"),
        Line(text: " QUIT", verb: .unknown, argument: "QUIT"),
        Line(text: "QUIT\u{B}", verb: .unknown),
        Line(text: "ＱＵＩＴ", verb: .unknown),
        // The letter s has a long form that folds to it in Unicode; SMTP folds US-ASCII only.
        Line(text: "\u{17F}tarttls", verb: .unknown),
        // Bytes that differ from letters in the bit that tells the cases apart.
        Line(text: "HELP\u{40}", verb: .unknown),
        Line(text: "unknown x", verb: .unknown, argument: "x"),
        Line(text: "GET / HTTP/1.1", verb: .unknown, argument: "/ HTTP/1.1"),
        Line(text: "PROXY UNKNOWN", verb: .unknown, argument: "UNKNOWN"),
        Line(text: "\u{1}", verb: .unknown),
    ]

    @Test("A line is a verb and an argument, with its CRLF or without", arguments: lines)
    func command(_ line: Line) throws {
        for text in [line.text, line.text + "\r\n"] {
            let command = try Command(line: bytes(text).span)
            #expect(command.verb == line.verb)
            #expect(command.argument == bytes(line.argument))
        }
    }

    @Test("Every verb is known in any case, and with a letter more or less it is not", arguments: Verb.allCases)
    func spelling(_ verb: Verb) throws {
        let name = verb.rawValue
        for text in [name, name.uppercased(), name.capitalized, name + " x"] {
            #expect(try Command(line: bytes(text).span).verb == verb)
        }
        for text in [name + "x", String(name.dropLast()), name + "-"] {
            #expect(try Command(line: bytes(text).span).verb == .unknown)
        }
    }

    @Test(
        "Commands that come in one group are told apart, however it is split",
        arguments: [
            ("EHLO client.example\r\nQUIT\r\n", [.ehlo, .quit]),
            ("STARTTLS\r\nMAIL FROM:<>\r\n", [.starttls, .mail]),
            ("STARTTLS\r\nMAIL FROM:<>", [.starttls]),
            ("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", [.mail, .rcpt, .data]),
        ] as [(Text, [Verb])])
    func group(_ group: Text, _ verbs: [Verb]) throws {
        for reads in everySplit(of: bytes(group.string)) {
            var reader = LineReader(limitBytes: 1_024)
            for read in reads { reader.feed(read) }
            var found: [Verb] = []
            for case .line(let line) in reader.events { found.append(try Command(line: bytes(line).span).verb) }
            #expect(found == verbs)
        }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var text: String
        var error: CommandError
        var testDescription: String { visible(text) }
    }

    static let refused: [Refused] = [
        Refused(text: "", error: .empty),
        Refused(text: "\r\n", error: .empty),
        Refused(text: " ", error: .empty),
        Refused(text: " \t \r\n", error: .empty),
        Refused(text: "\0", error: .forbidden(.nul)),
        Refused(text: "QUIT\0", error: .forbidden(.nul)),
        Refused(text: "QU\0IT\r\n", error: .forbidden(.nul)),
        Refused(text: "QUIT\r", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "QUIT\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "QUIT\r\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "QUIT\n\r\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "NOOP\nQUIT\r\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "NOOP\rQUIT\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "NOOP\r\nQUIT\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "QUIT\r\n\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "\r", error: .forbidden(.bareCarriageReturn)),
    ]

    @Test("What is no command says why", arguments: refused)
    func refusal(_ refused: Refused) {
        #expect(throws: refused.error) { try Command(line: bytes(refused.text).span) }
    }

    @Test("An error has words, and none of the client's")
    func descriptions() {
        #expect("\(CommandError.empty)" == "empty command line")
        #expect("\(CommandError.forbidden(.nul))" == "NUL in a command line")
        #expect("\(CommandError.forbidden(.bareCarriageReturn))" == "bare CR in a command line")
        #expect("\(CommandError.forbidden(.bareLineFeed))" == "bare LF in a command line")
    }
}

extension String {
    fileprivate var capitalized: String { prefix(1).uppercased() + dropFirst() }
}
