import Testing

@testable import Telemetry

@Suite struct LogLineTests {
    private static let time = UTCTime(unixMilliseconds: 1_234_567_890_123)

    private static func message(_ message: String, _ value: String) -> LogLine {
        LogLine(time: time, level: .warning, message: message, fields: [LogField("reply", .text(value))])
    }

    struct Value: Sendable {
        let raw: String
        let text: String
        let json: String
    }

    @Test(arguments: [
        Value(raw: "250", text: "250", json: "250"),
        Value(raw: "", text: #""""#, json: ""),
        Value(raw: "-", text: #""-""#, json: "-"),
        Value(raw: "two words", text: #""two words""#, json: "two words"),
        Value(raw: "a=b", text: #""a=b""#, json: "a=b"),
        Value(raw: #"say "x\y""#, text: #""say \"x\\y\"""#, json: #"say \"x\\y\""#),
        Value(raw: "one\r\ntwo", text: #""one\x0d\x0atwo""#, json: #"one\u000d\u000atwo"#),
        Value(raw: "\u{1b}[2J\0\u{7f}", text: #""\x1b[2J\x00\x7f""#, json: #"\u001b[2J\u0000\u007f"#),
        Value(raw: "é\u{202e}", text: #""\xc3\xa9\xe2\x80\xae""#, json: #"\u00e9\u202e"#),
        Value(raw: "😀", text: #""\xf0\x9f\x98\x80""#, json: #"\ud83d\ude00"#),
    ])
    func untrustedTextIsEscaped(_ value: Value) {
        let line = Self.message("refused", value.raw)
        #expect(line.rendered(.text) == "2009-02-13T23:31:30.123Z warning refused reply=\(value.text)\n")
        #expect(
            line.rendered(.json)
                == #"{"time":"2009-02-13T23:31:30.123Z","level":"warning","message":"refused","#
                + #""reply":"\#(value.json)"}"#
                + "\n")
    }

    @Test func messagesAreEscapedToo() {
        let line = Self.message("bad\n\"line\"", "x")
        #expect(line.rendered(.text).hasSuffix(" warning bad\\x0a\"line\" reply=x\n"))
        #expect(line.rendered(.json).contains(#""message":"bad\u000a\"line\"""#))
    }

    @Test(arguments: [LogLine.valueBytesMax - 1, LogLine.valueBytesMax, LogLine.valueBytesMax + 1])
    func longValuesAreCut(_ length: Int) {
        let line = Self.message("m", String(repeating: "v", count: length))
        let kept = String(repeating: "v", count: min(length, LogLine.valueBytesMax))
        let isCut = length > LogLine.valueBytesMax
        #expect(line.rendered(.text).hasSuffix(isCut ? " reply=\"\(kept)...\"\n" : " reply=\(kept)\n"))
        #expect(line.rendered(.json).hasSuffix("\"reply\":\"\(kept)\(isCut ? "..." : "")\"}\n"))
    }

    @Test func longMessagesAreCut() {
        let line = Self.message(String(repeating: "é", count: 5000), "x")
        let count = LogLine.messageBytesMax / 2
        #expect(line.rendered(.text).contains(" " + String(repeating: #"\xc3\xa9"#, count: count) + "... "))
        #expect(line.rendered(.json).contains("\"" + String(repeating: #"\u00e9"#, count: count) + "...\""))
    }

    @Test func everyLineIsOneLineOfPrintableASCII() {
        for scalar in (0...0x2ff).compactMap({ Unicode.Scalar($0) }) {
            for format in Log.Format.allCases {
                let line = Self.message(String(scalar), String(scalar)).rendered(format)
                #expect(line.utf8.dropLast().allSatisfy { 0x20...0x7e ~= $0 })
                #expect(line.hasSuffix("\n"))
            }
        }
    }
}
