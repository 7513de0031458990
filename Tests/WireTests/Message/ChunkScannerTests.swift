import Testing
import Wire

@Suite struct ChunkScannerTests {
    struct Outcome: Equatable {
        var output: [UInt8] = []
        var fault: MessageScanner.Fault?
        var messageBytes = 0
        var is8Bit = false

        init(_ reads: [[UInt8]], _ rules: MessageScanner.Rules, _ form: ChunkScanner.Form, isBinary: Bool = false) {
            var scanner = ChunkScanner(rules, form: form, isBinary: isBinary)
            for read in reads { scanner.scan(read.span, into: &output) }
            scanner.finish(into: &output)
            (fault, messageBytes, is8Bit) = (scanner.fault, scanner.messageBytes, scanner.is8Bit)
        }
    }

    struct Content: Sendable, CustomTestStringConvertible {
        var text: String
        var stuffed: String
        var testDescription: String { visible(text) }
    }

    static let contents: [Content] = [
        Content(text: "", stuffed: ""),
        Content(text: "a", stuffed: "a\r\n"),
        Content(text: "a\r\n", stuffed: "a\r\n"),
        Content(text: ".", stuffed: "..\r\n"),
        Content(text: ".\r\n", stuffed: "..\r\n"),
        Content(text: "..\r\n", stuffed: "...\r\n"),
        Content(text: "a\r\n.\r\nb\r\n", stuffed: "a\r\n..\r\nb\r\n"),
        Content(text: "\r\n.\r\n", stuffed: "\r\n..\r\n"),
        Content(text: "a.b\r\n.c", stuffed: "a.b\r\n..c\r\n"),
        Content(
            text: "Subject: x\r\n\r\n.signature, longer than eight\r\n",
            stuffed: "Subject: x\r\n\r\n..signature, longer than eight\r\n"),
    ]

    @Test("Content goes on as it came, or with its dots doubled, however it is cut", arguments: contents)
    func content(_ content: Content) {
        for rules in [MessageScanner.Rules.rejecting, .normalising] {
            for reads in everySplit(of: bytes(content.text)) {
                let raw = Outcome(reads, rules, .raw)
                #expect(raw.output == bytes(content.text) && raw.fault == nil)
                let stuffed = Outcome(reads, rules, .stuffed)
                #expect(stuffed.output == bytes(content.stuffed) && stuffed.fault == nil)
                #expect(raw.messageBytes == content.text.utf8.count && stuffed.messageBytes == raw.messageBytes)
            }
        }
    }

    @Test("Behind DATA, what a chunk holds can end nothing", arguments: MessageScannerTests.sequences)
    func smuggling(_ sequence: MessageScannerTests.Sequence) {
        let stream = bytes("a\(sequence.text)b\r\n")
        for form in [ChunkScanner.Form.raw, .stuffed] {
            let refused = Outcome([stream], .rejecting, form)
            let normalised = Outcome([stream], .normalising, form)
            #expect(refused.fault == sequence.fault && normalised.fault == nil)
            for reads in everySplit(of: stream) {
                #expect(Outcome(reads, .rejecting, form) == refused)
                #expect(Outcome(reads, .normalising, form) == normalised)
            }
            guard form == .stuffed else { continue }
            let scanned = Scanned([normalised.output + bytes(".\r\n")], .rejecting)
            #expect(scanned.fault == nil && scanned.isComplete && scanned.rest.isEmpty)
        }
    }

    @Test("A CR is held over the end of a chunk; where the message ends with it, it is bare")
    func heldCarriageReturn() {
        for form in [ChunkScanner.Form.raw, .stuffed] {
            var scanner = ChunkScanner(.rejecting, form: form)
            var output: [UInt8] = []
            scanner.scan(bytes("a\r").span, into: &output)
            #expect(output == bytes("a"))
            var other = scanner
            scanner.scan(bytes("\n").span, into: &output)
            scanner.finish(into: &output)
            #expect(output == bytes("a\r\n") && scanner.fault == nil)
            other.finish(into: &output)
            #expect(output == bytes("a\r\n") && other.fault == .bareCarriageReturn)
            #expect(Outcome([bytes("a\r")], .normalising, .raw).output == bytes("a "))
            #expect(Outcome([bytes("a\r")], .normalising, .stuffed).output == bytes("a \r\n"))
        }
    }

    @Test("Of binary content only the size is looked at")
    func binary() {
        let content: [UInt8] = [0, 13, 10, 46, 13, 10, 255, 10, 13]
        var rules = MessageScanner.Rules(policy: .reject, lineBytesMax: 4, messageBytesMax: 9)
        for reads in everySplit(of: content) {
            let fits = Outcome(reads, rules, .raw, isBinary: true)
            #expect(fits.output == content && fits.fault == nil && fits.is8Bit && fits.messageBytes == 9)
        }
        rules.messageBytesMax = 8
        for reads in everySplit(of: content) {
            let outcome = Outcome(reads, rules, .raw, isBinary: true)
            #expect(outcome.fault == .tooLarge && outcome.output == content.dropLast() && outcome.messageBytes == 9)
        }
    }

    @Test("The limits hold for chunks together", arguments: [1, 5, 9, 17])
    func limits(_ limit: Int) {
        let stream = bytes(repeated("x", limit + 1))
        for form in [ChunkScanner.Form.raw, .stuffed] {
            let rules = MessageScanner.Rules(policy: .reject, lineBytesMax: 1_000, messageBytesMax: limit)
            #expect(Outcome([Array(stream.dropLast())], rules, form).fault == nil)
            let lines = MessageScanner.Rules(policy: .reject, lineBytesMax: limit + 2, messageBytesMax: 0)
            #expect(Outcome([Array(stream.dropLast())], lines, form).fault == nil)
            for reads in everySplit(of: stream) {
                #expect(Outcome(reads, rules, form).fault == .tooLarge)
                #expect(Outcome(reads, lines, form).fault == .lineTooLong)
            }
        }
    }
}

@Suite struct BdatCommandTests {
    @Test("A size, and whether it is the last", arguments: [("0", 0), ("1", 1), ("00017", 17), ("86400", 86_400)])
    func sizes(_ text: String, _ size: Int) throws {
        #expect(try BdatCommand(argument: bytes(text)) == BdatCommand(size: size, isLast: false))
        for last in [" LAST", " last", "  Last"] {
            #expect(try BdatCommand(argument: bytes(text + last)) == BdatCommand(size: size, isLast: true))
        }
    }

    @Test("A size beyond all numbers is the greatest")
    func greatest() throws {
        for digits in ["9223372036854775808", repeated("9", 20)] {
            #expect(try BdatCommand(argument: bytes(digits)).size == .max)
        }
    }

    @Test(
        "Anything else is none",
        arguments: ["", "LAST", "-1", "+1", "1x", "0x10", "1 2", "1 LAST x", "1 LASTS", "1\tLAST", "1.0", "\u{0661}"])
    func refused(_ argument: Text) {
        #expect(throws: EnvelopeCommandError.badChunk) { try BdatCommand(argument: bytes(argument.string)) }
        #expect(throws: EnvelopeCommandError.badChunk) { try BdatCommand(argument: bytes(repeated("1", 21))) }
    }

    @Test("As it goes out")
    func rendered() {
        #expect(BdatCommand(size: 12, isLast: false).rendered == bytes("BDAT 12\r\n"))
        #expect(BdatCommand(size: 0, isLast: true).rendered == bytes("BDAT 0 LAST\r\n"))
    }
}
