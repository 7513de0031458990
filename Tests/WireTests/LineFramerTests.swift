import Testing
import Wire

@Suite struct LineFramerTests {
    struct Stream: Sendable, CustomTestStringConvertible {
        var text: String
        var events: [LineReader.Event]
        var rest = ""
        var testDescription: String { visible(text) }
    }

    /// With a limit of eight bytes a line.
    static let streams: [Stream] = [
        Stream(text: "", events: []),
        Stream(text: "QUIT\r\n", events: [.line("QUIT\r\n")]),
        Stream(text: "\r\n", events: [.line("\r\n")]),
        Stream(text: "\r\n\r\n", events: [.line("\r\n"), .line("\r\n")]),
        Stream(text: "a\r\nb\r\nc", events: [.line("a\r\n"), .line("b\r\n")], rest: "c"),
        Stream(text: "a\nb\r\n", events: [.line("a\nb\r\n")]),
        Stream(text: "a\rb\r\n", events: [.line("a\rb\r\n")]),
        Stream(text: "a\r\r\n", events: [.line("a\r\r\n")]),
        Stream(text: "a\n\r\n", events: [.line("a\n\r\n")]),
        Stream(text: "\n\r", events: [], rest: "\n\r"),
        Stream(text: "\n", events: [], rest: "\n"),
        Stream(text: "\r", events: [], rest: "\r"),
        Stream(text: "a\0\r\n", events: [.line("a\0\r\n")]),
        // Seven, eight and nine bytes.
        Stream(text: "12345\r\n", events: [.line("12345\r\n")]),
        Stream(text: "123456\r\n", events: [.line("123456\r\n")]),
        Stream(text: "1234567\r\n", events: [.discarded(9)]),
        Stream(text: "12345678\r\n", events: [.discarded(10)]),
        Stream(text: "1234567", events: [], rest: "1234567"),
        Stream(text: "12345678", events: []),
        Stream(text: "1234567\r", events: []),
        Stream(text: "123456\n\n\r\n", events: [.discarded(10)]),
        Stream(text: "1234567\r\r\r\n", events: [.discarded(11)]),
        Stream(text: "1234567\rx\nx\r\na\r\n", events: [.discarded(13), .line("a\r\n")]),
        Stream(text: "a\r\n123456789\r\nb\r\n", events: [.line("a\r\n"), .discarded(11), .line("b\r\n")]),
        Stream(text: "123456789\r\n123456789\r\n", events: [.discarded(11), .discarded(11)]),
    ]

    @Test("A stream gives the same lines however it is split", arguments: streams)
    func lines(_ stream: Stream) {
        for reads in everySplit(of: bytes(stream.text)) {
            var reader = LineReader(limitBytes: 8)
            for read in reads { reader.feed(read) }
            #expect(reader.events == stream.events)
            #expect(reader.unread == bytes(stream.rest))
        }
    }

    @Test(
        "None of the sequences that smuggle ends a line",
        arguments: [
            "\n.\n", "\n.\r", "\r.\n", "\r.\r", "\n\n", "\r\r", "\n\r", "\r\0\n", "\u{85}", "\u{2028}",
        ])
    func smuggling(_ sequence: Text) {
        let stream = "a" + sequence.string + "b\r\n"
        for reads in everySplit(of: bytes(stream)) {
            var reader = LineReader(limitBytes: 64)
            for read in reads { reader.feed(read) }
            #expect(reader.events == [.line(stream)])
        }
    }

    @Test("A line may be as long as its limit, and no byte longer", arguments: [2, 3, 512, 1_024, 4_096, 12_288])
    func limit(_ limitBytes: Int) {
        for length in [limitBytes - 1, limitBytes, limitBytes + 1] where length >= 2 {
            let line = bytes(repeated("x", length - 2) + "\r\n")
            var framer = LineFramer(limitBytes: limitBytes)
            #expect(framer.next(in: line.span) == (length <= limitBytes ? .line(length: length) : .tooLong))
        }
    }

    @Test("A line is too long as soon as its limit holds no CRLF")
    func tooLongAtOnce() {
        var framer = LineFramer(limitBytes: 8)
        let line = bytes("1234567\r\n")
        #expect(framer.next(in: Array(line[..<7]).span) == .incomplete)
        #expect(framer.next(in: Array(line[..<8]).span) == .tooLong)
    }

    @Test("Bytes that have been looked at are not looked at again")
    func scansOnce() {
        var framer = LineFramer(limitBytes: 64)
        #expect(framer.next(in: bytes("abcdefgh").span) == .incomplete)
        // Other bytes in the old place: a second look would find the CRLF among them.
        #expect(framer.next(in: bytes("abc\r\ndefgh").span) == .incomplete)
        #expect(framer.next(in: bytes("abc\r\ndefgh\r\n").span) == .line(length: 12))
        #expect(framer.next(in: bytes("abc\r\n").span) == .line(length: 5))
    }

    @Test("Fewer bytes than before are no line, and no trap")
    func fewerBytes() {
        var framer = LineFramer(limitBytes: 64)
        #expect(framer.next(in: bytes("abcdefgh").span) == .incomplete)
        #expect(framer.next(in: bytes("ab").span) == .incomplete)
        #expect(framer.next(in: [UInt8]().span) == .incomplete)
    }
}

@Suite struct LineDiscarderTests {
    @Test("The end of the line is found where the CR and the LF are in two reads")
    func splitLineEnd() {
        var discarder = LineDiscarder()
        #expect(discarder.next(in: bytes("abc\r").span) == .incomplete)
        #expect(discarder.next(in: [UInt8]().span) == .incomplete)
        #expect(discarder.next(in: bytes("\nQUIT\r\n").span) == .lineEnd(length: 1))
        #expect(discarder.discardedBytes == 5)
    }

    @Test("Neither a LF that opens the line nor one behind another byte ends it")
    func bareLineFeeds() {
        var discarder = LineDiscarder()
        #expect(discarder.next(in: bytes("\n").span) == .incomplete)
        #expect(discarder.next(in: bytes("\r").span) == .incomplete)
        #expect(discarder.next(in: bytes("x").span) == .incomplete)
        #expect(discarder.next(in: bytes("\n").span) == .incomplete)
        #expect(discarder.discardedBytes == 4)
    }

    @Test("Every discarded byte is counted, for the limit that the caller sets")
    func counts() {
        var discarder = LineDiscarder()
        let read = bytes(repeated("x", 4_096))
        for count in 1...16 {
            #expect(discarder.next(in: read.span) == .incomplete)
            #expect(discarder.discardedBytes == count * 4_096)
        }
        #expect(discarder.next(in: bytes("\r\n").span) == .lineEnd(length: 2))
        #expect(discarder.discardedBytes == 65_538)
    }
}
