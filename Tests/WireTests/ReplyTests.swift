import Testing
import Wire

@Suite struct ReplyTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        var text: String
        var code: Int
        var texts: [String]
        var testDescription: String { visible(text) }
    }

    static let fixtures: [Fixture] = [
        Fixture(text: "220 mail.example ESMTP\r\n", code: 220, texts: ["mail.example ESMTP"]),
        Fixture(text: "250 \r\n", code: 250, texts: [""]),
        Fixture(text: "250\r\n", code: 250, texts: [""]),
        Fixture(text: "250-a\r\n250 b\r\n", code: 250, texts: ["a", "b"]),
        Fixture(text: "250-a\r\n250-\r\n250\r\n", code: 250, texts: ["a", "", ""]),
        Fixture(text: "250-250-x\r\n250 250 y\r\n", code: 250, texts: ["250-x", "250 y"]),
        Fixture(text: "000 \r\n", code: 0, texts: [""]),
        Fixture(text: "042 x\r\n", code: 42, texts: ["x"]),
        Fixture(text: "999 x\r\n", code: 999, texts: ["x"]),
        Fixture(text: "220 grå\t\u{1}\r\n", code: 220, texts: ["grå\t\u{1}"]),
    ]

    @Test("A reply keeps its bytes, however it is split", arguments: fixtures)
    func assembly(_ fixture: Fixture) throws {
        for reads in everySplit(of: bytes(fixture.text)) {
            var reader = LineReader(limitBytes: Reply.lineLimitBytes)
            for read in reads { reader.feed(read) }
            var assembler = ReplyAssembler()
            var replies: [Reply] = []
            for case .line(let line) in reader.events {
                #expect(assembler.isWithinReply == (line != reader.events.firstLine))
                if let reply = try assembler.add(bytes(line).span) { replies.append(reply) }
            }
            let reply = try #require(replies.first)
            #expect(replies.count == 1)
            #expect(!assembler.isWithinReply)
            #expect(reply.string == fixture.text)
            #expect(reply.code == fixture.code)
            #expect(reply.lineCount == fixture.texts.count)
            #expect(reply.texts == fixture.texts.map(bytes))
        }
    }

    @Test("Replies follow each other")
    func sequence() throws {
        let stream = "220 a\r\n250-b\r\n250 c\r\n354 d\r\n"
        #expect(try Reply.all(in: bytes(stream)).map(\.string) == ["220 a\r\n", "250-b\r\n250 c\r\n", "354 d\r\n"])
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var text: String
        var error: ReplyError
        var testDescription: String { visible(text) }
    }

    static let refused: [Refused] = [
        Refused(text: "\r\n", error: .noCode),
        Refused(text: "2\r\n", error: .noCode),
        Refused(text: "25\r\n", error: .noCode),
        Refused(text: "25 x\r\n", error: .noCode),
        Refused(text: "x50 x\r\n", error: .noCode),
        Refused(text: "2x0 x\r\n", error: .noCode),
        Refused(text: "25x x\r\n", error: .noCode),
        Refused(text: " 250 x\r\n", error: .noCode),
        Refused(text: "-25 x\r\n", error: .noCode),
        Refused(text: "25: x\r\n", error: .noCode),
        Refused(text: "25/ x\r\n", error: .noCode),
        Refused(text: "٢٥٠ x\r\n", error: .noCode),
        Refused(text: "2500 x\r\n", error: .badSeparator(0x30)),
        Refused(text: "250STARTTLS\r\n", error: .badSeparator(0x53)),
        Refused(text: "250\tx\r\n", error: .badSeparator(0x09)),
        Refused(text: "250_x\r\n", error: .badSeparator(0x5F)),
        Refused(text: "250-a\r\n251 b\r\n", error: .codeChanged(from: 250, to: 251)),
        Refused(text: "250-a\r\n250-b\r\n550 c\r\n", error: .codeChanged(from: 250, to: 550)),
        Refused(text: "250-a\r\n000 c\r\n", error: .codeChanged(from: 250, to: 0)),
        Refused(text: "250-a\r\nb\r\n", error: .noCode),
        Refused(text: "250 a\0\r\n", error: .forbidden(.nul)),
        Refused(text: "250 a\rb\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "250 a\r\r\n", error: .forbidden(.bareCarriageReturn)),
        Refused(text: "250 a\nb\r\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "250\n\r\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "2\n\r\n", error: .forbidden(.bareLineFeed)),
        Refused(text: "250 a", error: .unterminatedLine),
        Refused(text: "250", error: .unterminatedLine),
        Refused(text: "2", error: .unterminatedLine),
        Refused(text: "250 a\n", error: .unterminatedLine),
        Refused(text: "250 a\r", error: .unterminatedLine),
    ]

    @Test("What is no reply says which rule it breaks", arguments: refused)
    func refusal(_ refused: Refused) {
        #expect(throws: refused.error) { try Reply(refused.text) }
    }

    @Test("An empty line without a CRLF is no line")
    func empty() {
        var assembler = ReplyAssembler()
        #expect(throws: ReplyError.unterminatedLine) { try assembler.add([UInt8]().span) }
    }

    @Test("A line that throws is not added")
    func refusedLine() throws {
        var assembler = ReplyAssembler()
        #expect(try assembler.add(bytes("250-a\r\n").span) == nil)
        #expect(throws: ReplyError.noCode) { try assembler.add(bytes("b\r\n").span) }
        #expect(try assembler.add(bytes("250 c\r\n").span)?.string == "250-a\r\n250 c\r\n")
    }

    @Test("A line has 1,024 bytes at most", arguments: [1_023, 1_024, 1_025])
    func lineLimit(_ length: Int) throws {
        let line = "250 " + repeated("x", length - 6) + "\r\n"
        #expect(line.utf8.count == length)
        if length <= 1_024 {
            #expect(try Reply(line)?.string == line)
        } else {
            #expect(throws: ReplyError.lineTooLong) { try Reply(line) }
        }
    }

    @Test("A reply has 65,536 bytes at most", arguments: [65_535, 65_536, 65_537])
    func limit(_ length: Int) throws {
        let text = longReply(ofBytes: length)
        #expect(text.utf8.count == length)
        if length <= 65_536 {
            let reply = try #require(try Reply(text))
            #expect(reply.string == text)
            #expect(reply.lineCount == 66)
        } else {
            #expect(throws: ReplyError.replyTooLong) { try Reply(text) }
        }
    }

    @Test("A server that never ends its reply is stopped at the limit")
    func endless() throws {
        var assembler = ReplyAssembler()
        let line = bytes("250-\r\n")
        for _ in 0..<65_536 / line.count { #expect(try assembler.add(line.span) == nil) }
        #expect(throws: ReplyError.replyTooLong) { try assembler.add(line.span) }
    }

    @Test(
        "The first digit says how it went", arguments: [0, 150, 199, 200, 250, 299, 300, 399, 421, 499, 500, 599, 600])
    func classes(_ code: Int) throws {
        let digits = (code < 100 ? "00" : "") + "\(code)"
        let reply = try #require(try Reply("\(digits) x\r\n"))
        #expect(reply.isPositiveCompletion == (200...299).contains(code))
        #expect(reply.isPositiveIntermediate == (300...399).contains(code))
        #expect(reply.isTransientFailure == (400...499).contains(code))
        #expect(reply.isPermanentFailure == (500...599).contains(code))
        #expect(reply.announcesClosing == (code == 421))
    }

    @Test("An error has words, and no raw byte of the server's")
    func descriptions() {
        #expect("\(ReplyError.lineTooLong)" == "reply line longer than 1024 bytes")
        #expect("\(ReplyError.replyTooLong)" == "reply longer than 65536 bytes")
        #expect("\(ReplyError.unterminatedLine)" == "reply line without CRLF")
        #expect("\(ReplyError.forbidden(.nul))" == "NUL in a reply")
        #expect("\(ReplyError.noCode)" == "reply line without a code of three digits")
        #expect("\(ReplyError.badSeparator(0x1B))" == "byte 0x1B behind the reply code")
        #expect("\(ReplyError.badSeparator(0x07))" == "byte 0x07 behind the reply code")
        #expect("\(ReplyError.codeChanged(from: 250, to: 550))" == "reply code 250 changes to 550")
    }
}

extension [LineReader.Event] {
    fileprivate var firstLine: String? {
        if case .line(let line) = first { line } else { nil }
    }
}
