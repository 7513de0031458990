import Testing
import Wire

/// All that a scanner says of a stream.
struct Scanned: Equatable, CustomStringConvertible {
    var output: [UInt8] = []
    var fault: MessageScanner.Fault?
    var isComplete = false
    var messageBytes = 0
    var is8Bit = false
    /// What was left for the commands behind.
    var rest: [UInt8] = []

    var description: String {
        "\(visible(String(decoding: output, as: UTF8.self))), \(fault.map { "\($0)" } ?? "-"), "
            + "\(isComplete ? "complete" : "open"), \(messageBytes), \(visible(String(decoding: rest, as: UTF8.self)))"
    }

    init(_ reads: [[UInt8]], _ rules: MessageScanner.Rules) {
        var scanner = MessageScanner(rules)
        for read in reads {
            let taken = scanner.scan(read.span, into: &output)
            rest += read[taken...]
        }
        (fault, isComplete) = (scanner.fault, scanner.isComplete)
        (messageBytes, is8Bit) = (scanner.messageBytes, scanner.is8Bit)
    }
}

extension MessageScanner.Rules {
    static let rejecting = Self(policy: .reject, lineBytesMax: 1_000, messageBytesMax: 0)
    static let normalising = Self(policy: .normalise, lineBytesMax: 1_000, messageBytesMax: 0)
}

@Suite struct MessageScannerTests {
    struct Message: Sendable, CustomTestStringConvertible {
        var text: String
        /// What is put out; nil: all but the end.
        var output: String?
        var bytes: Int
        var rest = ""
        var testDescription: String { visible(text) }
    }

    static let cleanMessages: [Message] = [
        Message(text: ".\r\n", output: "", bytes: 0),
        Message(text: "\r\n.\r\n", bytes: 2),
        Message(text: "a\r\n.\r\n", bytes: 3),
        Message(text: "Subject: x\r\n\r\nhello\r\n.\r\n", bytes: 21),
        Message(text: "a\r\n.\r\nQUIT\r\n", output: "a\r\n", bytes: 3, rest: "QUIT\r\n"),
        Message(text: ".\r\n.\r\n", output: "", bytes: 0, rest: ".\r\n"),
        Message(text: "a\r\n\r\n.\r\n", bytes: 5),
        // Doubled dots stay doubled, and count once; a dot that should have been doubled stays as it is.
        Message(text: "..\r\n.\r\n", bytes: 3),
        Message(text: "..a\r\n...\r\n.\r\n", bytes: 8),
        Message(text: ".a\r\n.\r\n", bytes: 3),
        Message(text: "a.\r\n.\r\n", bytes: 4),
        Message(text: "a\r\n. \r\n.\r\n", bytes: 6),
        Message(text: "tab\there, some \u{0B}\u{0C} more\r\n.\r\n", bytes: 24),
        Message(text: "long enough for eight at a time, and then some\r\n.\r\n", bytes: 48),
    ]

    @Test("A clean message goes on as it came, and its end is found, however it is split", arguments: cleanMessages)
    func clean(_ message: Message) throws {
        let output = message.output ?? String(decoding: bytes(message.text).dropLast(3), as: UTF8.self)
        for rules in [MessageScanner.Rules.rejecting, .normalising] {
            for reads in everySplit(of: bytes(message.text)) {
                let scanned = Scanned(reads, rules)
                #expect(scanned.output == bytes(output))
                #expect(scanned.isComplete && scanned.fault == nil && !scanned.is8Bit)
                #expect(scanned.messageBytes == message.bytes)
                #expect(scanned.rest == bytes(message.rest))
            }
        }
    }

    struct Sequence: Sendable, CustomTestStringConvertible {
        /// Between `a` and `b`.
        var text: String
        var fault: MessageScanner.Fault
        /// What the same becomes where it is put right.
        var normalised: String
        var testDescription: String { visible(text) }
    }

    static let sequences: [Sequence] = [
        Sequence(text: "\n", fault: .bareLineFeed, normalised: "\r\n"),
        Sequence(text: "\r", fault: .bareCarriageReturn, normalised: " "),
        Sequence(text: "\0", fault: .nul, normalised: " "),
        Sequence(text: "\n.\n", fault: .bareLineFeed, normalised: "\r\n..\r\n"),
        Sequence(text: "\n.\r\n", fault: .bareLineFeed, normalised: "\r\n..\r\n"),
        Sequence(text: "\r\n.\n", fault: .bareLineFeed, normalised: "\r\n..\r\n"),
        Sequence(text: "\r.\r", fault: .bareCarriageReturn, normalised: " . "),
        Sequence(text: "\r.\n", fault: .bareCarriageReturn, normalised: " .\r\n"),
        Sequence(text: "\n.\r", fault: .bareLineFeed, normalised: "\r\n.. "),
        Sequence(text: "\r.\r\n", fault: .bareCarriageReturn, normalised: " .\r\n"),
        Sequence(text: "\r\n.\r", fault: .bareCarriageReturn, normalised: "\r\n. "),
        Sequence(text: "\r\n\0.\r\n", fault: .nul, normalised: "\r\n .\r\n"),
        Sequence(text: "\r\n.\0\r\n", fault: .nul, normalised: "\r\n. \r\n"),
        Sequence(text: "\r\n.\r\r\n", fault: .bareCarriageReturn, normalised: "\r\n. \r\n"),
        Sequence(text: "\r\n\r.\r\n", fault: .bareCarriageReturn, normalised: "\r\n .\r\n"),
        Sequence(text: "\n\n.\n\n", fault: .bareLineFeed, normalised: "\r\n\r\n..\r\n\r\n"),
        Sequence(text: "\n\r\n", fault: .bareLineFeed, normalised: "\r\n\r\n"),
        Sequence(text: "\r\r\n", fault: .bareCarriageReturn, normalised: " \r\n"),
        Sequence(text: "\n..\r\n", fault: .bareLineFeed, normalised: "\r\n...\r\n"),
        Sequence(text: "\r\n.\n.\r", fault: .bareLineFeed, normalised: "\r\n..\r\n.. "),
        Sequence(text: "\r\n.\n\r\n", fault: .bareLineFeed, normalised: "\r\n..\r\n\r\n"),
    ]

    @Test("What smuggles ends no message: it is refused, and nothing behind it goes on", arguments: sequences)
    func refuses(_ sequence: Sequence) throws {
        let stream = bytes("a\(sequence.text)b\r\n.\r\nNOOP\r\n")
        let whole = Scanned([stream], .rejecting)
        #expect(whole.fault == sequence.fault)
        #expect(whole.isComplete && whole.rest == bytes("NOOP\r\n"))
        #expect(stream.starts(with: whole.output) && whole.output.count <= 1 + sequence.text.utf8.count)
        for reads in everySplit(of: stream) { #expect(Scanned(reads, .rejecting) == whole) }
    }

    @Test("Where it is put right, nobody can take it for an end", arguments: sequences)
    func normalises(_ sequence: Sequence) throws {
        let stream = bytes("a\(sequence.text)b\r\n.\r\nNOOP\r\n")
        let whole = Scanned([stream], .normalising)
        #expect(whole.output == bytes("a\(sequence.normalised)b\r\n"))
        #expect(whole.fault == nil && whole.isComplete && whole.rest == bytes("NOOP\r\n"))
        for reads in everySplit(of: stream) { #expect(Scanned(reads, .normalising) == whole) }
    }

    @Test(
        "What looks like a line end to others is content",
        arguments: [
            "\u{0B}.\u{0B}", "\u{0C}.\u{0C}", "\u{85}.\u{85}", "\u{2028}.\u{2028}", "\r\n. \r\n", "\r\n.\u{2028}",
        ])
    func otherEnds(_ sequence: Text) {
        let message = "a\(sequence.string)b\r\n"
        let whole = Scanned([bytes(message + ".\r\n")], .rejecting)
        #expect(whole.output == bytes(message) && whole.fault == nil && whole.isComplete)
    }

    @Test("What could be a part of the end is held until it is known what it is", arguments: ["\r", ".", ".\r"])
    func holds(_ start: Text) {
        for rules in [MessageScanner.Rules.rejecting, .normalising] {
            var scanner = MessageScanner(rules)
            var output: [UInt8] = []
            let stream = bytes("a\r\n" + start.string)
            #expect(scanner.scan(stream.span, into: &output) == stream.count)
            #expect(output == bytes("a\r\n") && !scanner.isComplete && scanner.fault == nil)
        }
    }

    @Test("Behind the end nothing is taken")
    func behindTheEnd() {
        var scanner = MessageScanner(.rejecting)
        var output: [UInt8] = []
        #expect(scanner.scan(bytes("a\r\n.\r\n").span, into: &output) == 6)
        #expect(scanner.scan(bytes("QUIT\r\n").span, into: &output) == 0)
        #expect(output == bytes("a\r\n") && scanner.messageBytes == 3)
    }

    @Test("8-bit text is seen wherever it stands", arguments: [0, 1, 7, 8, 9, 15, 16, 30])
    func eightBit(_ position: Int) {
        var line = bytes(repeated("x", 40))
        line[position] = 0x80
        let stream = line + bytes("\r\n.\r\n")
        for reads in everySplit(of: stream) {
            let scanned = Scanned(reads, .rejecting)
            #expect(scanned.is8Bit && scanned.fault == nil && scanned.output == stream.dropLast(3))
        }
        #expect(Scanned([bytes(".\u{e4}\r\n.\r\n")], .rejecting).is8Bit)
    }

    // MARK: Limits

    @Test("A line may be as long as its limit", arguments: [3, 4, 9, 10, 11, 16, 64])
    func lineLimit(_ limit: Int) {
        for policy in [MessageScanner.BareBytes.reject, .normalise] {
            let rules = MessageScanner.Rules(policy: policy, lineBytesMax: limit, messageBytesMax: 0)
            let line = repeated("x", limit - 2)
            for start in ["", "y\r\n", "."] {
                let fits = Scanned([bytes(start + line + "\r\n.\r\n")], rules)
                #expect(fits.fault == nil && fits.output == bytes(start + line + "\r\n"))
                let stream = bytes(start + line + "x\r\nz\r\n.\r\nQUIT\r\n")
                let whole = Scanned([stream], rules)
                #expect(whole.fault == .lineTooLong && whole.output == bytes(start + line))
                #expect(whole.isComplete && whole.rest == bytes("QUIT\r\n"))
                for reads in everySplit(of: stream) { #expect(Scanned(reads, rules) == whole) }
            }
        }
    }

    @Test("A message may be as large as its limit", arguments: [1, 2, 3, 8, 9, 10, 30])
    func sizeLimit(_ limit: Int) {
        for policy in [MessageScanner.BareBytes.reject, .normalise] {
            let rules = MessageScanner.Rules(policy: policy, lineBytesMax: 1_000, messageBytesMax: limit)
            for length in [limit - 1, limit, limit + 1] where length >= 2 {
                let message = repeated("x", length - 2) + "\r\n"
                let stream = bytes(message + ".\r\nQUIT\r\n")
                let whole = Scanned([stream], rules)
                #expect(whole.fault == (length > limit ? .tooLarge : nil))
                #expect(whole.messageBytes == length && whole.isComplete && whole.rest == bytes("QUIT\r\n"))
                if length <= limit { #expect(whole.output == bytes(message)) }
                for reads in everySplit(of: stream) { #expect(Scanned(reads, rules) == whole) }
            }
        }
    }

    @Test("Doubled dots do not count towards the size")
    func dotsDoNotCount() {
        let rules = MessageScanner.Rules(policy: .reject, lineBytesMax: 1_000, messageBytesMax: 12)
        let stream = bytes(repeated("..a\r\n", 3) + ".\r\n")
        for reads in everySplit(of: stream) {
            let scanned = Scanned(reads, rules)
            #expect(scanned.fault == nil && scanned.messageBytes == 12 && scanned.output == stream.dropLast(3))
        }
    }

    @Test("The first fault stays, and what comes behind it is not put out")
    func firstFault() {
        let rules = MessageScanner.Rules(policy: .reject, lineBytesMax: 8, messageBytesMax: 20)
        let stream = bytes("a\rb\n\0" + repeated("x", 100) + "\r\n.\r\n")
        for reads in everySplit(of: stream) {
            let scanned = Scanned(reads, rules)
            #expect(scanned.fault == .bareCarriageReturn && scanned.output == bytes("a") && scanned.isComplete)
        }
    }
}
