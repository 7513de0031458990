import Testing
import Wire

@Suite struct LocalReplyTests {
    struct Entry: Sendable, CustomTestStringConvertible {
        var reply: LocalReply
        var line: String
        var testDescription: String { line }
    }

    static let catalogue: [Entry] = [
        Entry(reply: .readyToStartTLS, line: "220 2.0.0 Ready to start TLS"),
        Entry(reply: .bye, line: "221 2.0.0 Bye"),
        Entry(reply: .ok, line: "250 2.0.0 Ok"),
        Entry(reply: .serviceNotAvailable, line: "421 4.3.2 Service not available"),
        Entry(reply: .shuttingDown, line: "421 4.3.2 Service shutting down"),
        Entry(reply: .tooManySessions, line: "421 4.3.2 Too many sessions, try again later"),
        Entry(reply: .idleTimeout, line: "421 4.4.2 Idle timeout, closing connection"),
        Entry(reply: .upstreamReplyNotValid, line: "421 4.3.0 Upstream reply not valid"),
        Entry(reply: .endlessLine, line: "421 4.5.2 Line too long, closing connection"),
        Entry(reply: .tooManyErrors, line: "421 4.7.0 Too many errors, closing connection"),
        Entry(reply: .tlsNotAvailable, line: "454 4.7.0 TLS not available due to temporary reason"),
        Entry(reply: .lineTooLong, line: "500 5.5.2 Line too long"),
        Entry(reply: .syntaxError, line: "500 5.5.2 Syntax error"),
        Entry(reply: .starttlsTakesNoParameter, line: "501 5.5.4 STARTTLS takes no parameter"),
        Entry(reply: .badSequence, line: "503 5.5.1 Bad sequence of commands"),
        Entry(reply: .badPipelining, line: "503 5.5.0 Improper command pipelining"),
        Entry(reply: .starttlsRequired, line: "530 5.7.0 Must issue a STARTTLS command first"),
    ]

    @Test("A reply is one line, and says in which session it was refused", arguments: catalogue)
    func rendering(_ entry: Entry) throws {
        let (reply, line) = (entry.reply, entry.line)
        let plain = String(line.prefix(4)) + line.dropFirst(10)
        let id = reply.code >= 400 ? " [2ABC]" : ""
        #expect(reply.rendered(enhanced: true, sessionID: nil) == bytes(line + "\r\n"))
        #expect(reply.rendered(enhanced: true, sessionID: "2ABC") == bytes(line + id + "\r\n"))
        #expect(reply.rendered(enhanced: false, sessionID: nil) == bytes(plain + "\r\n"))
        #expect(reply.rendered(enhanced: false, sessionID: "2ABC") == bytes(plain + id + "\r\n"))
        #expect(try Reply(line + "\r\n")?.code == reply.code)
    }

    @Test(
        "Nothing from elsewhere gets out raw",
        arguments: [
            "a\r\n250 ok", "a\nb", "a\rb", "\0", "grå", "\u{1B}[31m", "tab\t", "\u{7F}", "back\\slash", "",
            Text(repeated("x", 10_000)), Text(repeated("\r\n", 5_000)), Text(repeated("ü", 300)),
        ])
    func sanitising(_ argument: Text) throws {
        let text = argument.string
        let status = try #require(EnhancedStatus(5, 999, 999))
        let reply = try #require(LocalReply(code: 550, status: status, text: text))
        for line in [
            reply.rendered(enhanced: true, sessionID: text), reply.rendered(enhanced: false, sessionID: text),
            LocalReply.syntaxError.rendered(enhanced: true, sessionID: text),
        ] {
            #expect(line.count <= LocalReply.lineLimitBytes)
            #expect(Array(line.suffix(2)) == bytes("\r\n"))
            #expect(line.dropLast(2).allSatisfy { (0x20...0x7E).contains($0) })
            #expect(try Reply(String(decoding: line, as: UTF8.self))?.lineCount == 1)
        }
    }

    @Test(
        "The class of the status is the first digit of the code",
        arguments: [
            (250, 5), (450, 5), (550, 4), (354, 2), (199, 2), (600, 5), (-421, 4), (5, 5), (5_500, 5), (Int.min, 4),
        ])
    func disagreement(_ code: Int, _ classDigit: Int) throws {
        let status = try #require(EnhancedStatus(classDigit, 0, 0))
        #expect(LocalReply(code: code, status: status, text: "x") == nil)
    }

    @Test("An enhanced status has three numbers within their limits")
    func status() {
        #expect(EnhancedStatus(4, 7, 999)?.description == "4.7.999")
        for (classDigit, subject, detail) in [
            (3, 0, 0), (1, 0, 0), (0, 0, 0), (4, 1_000, 0), (4, 0, 1_000), (4, -1, 0),
        ] {
            #expect(EnhancedStatus(classDigit, subject, detail) == nil)
        }
    }
}

@Suite struct EscapingTests {
    @Test(
        "Bytes of a peer become printable text",
        arguments: [
            ("", ""), ("plain ~text", "plain ~text"), ("a\r\n", "a\\x0D\\x0A"), ("\0\u{7F}", "\\x00\\x7F"),
            ("å", "\\xC3\\xA5"), ("\\x", "\\\\x"),
        ])
    func escaping(_ text: String, _ escaped: String) {
        #expect(String(escaping: text.utf8, limitBytes: 64) == escaped)
    }

    @Test("Text is cut at the limit, but not within an escape")
    func cut() {
        #expect(String(escaping: "abc".utf8, limitBytes: 3) == "abc")
        #expect(String(escaping: "abc".utf8, limitBytes: 2) == "ab")
        #expect(String(escaping: "ab\n".utf8, limitBytes: 6) == "ab\\x0A")
        #expect(String(escaping: "ab\n".utf8, limitBytes: 5) == "ab")
        #expect(String(escaping: "a\\".utf8, limitBytes: 2) == "a")
        #expect(String(escaping: "abc".utf8, limitBytes: 0) == "")
    }
}
