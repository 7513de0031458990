import Lookup
import Testing

@testable import mailrace

@Suite struct TableTextTests {
    @Test func columnsAreAsWideAsTheirWidestCell() {
        let lines = TableText.lines(["NAME", "#COUNT", "MORE"], [["a", "1", ""], ["longer", "1,000", "x"]])
        #expect(lines == ["NAME    COUNT  MORE", "a           1", "longer  1,000  x"])
        #expect(TableText.lines(["A"], []) == ["A"])
    }

    @Test func nothingButPrintableASCIIIsShown() {
        let hostile = "\u{1b}[2J\u{9b}31m\r\n\u{7}\u{202e}caf\u{e9}\u{65e5}"
        let shown = TableText.visible(hostile, limit: 200)
        #expect(shown == "?[2J?31m????caf??")
        #expect(TableText.lines([hostile], [[hostile]]).joined().utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    }

    @Test func whatIsLongIsCut() {
        #expect(TableText.visible("abcdef", limit: 6) == "abcdef")
        #expect(TableText.visible("abcdefg", limit: 6) == "abc...")
        #expect(TableText.lines(["A"], [[String(repeating: "x", count: 1000)]])[1].utf8.count == 64)
    }
}

@Suite struct JSONDocumentTests {
    private func read(_ text: String) throws -> JSONDocument { try JSONDocument(Array(text.utf8)) }

    @Test func valuesAreOfTheTypeThatIsAskedFor() throws {
        let root = try read(#"{"a": 1, "b": 2.5, "c": "x\u001b", "d": [1, 2], "e": true, "f": null, "g": {"h": 7}}"#)
            .root
        #expect(root["a"].integer == 1 && root["a"].real == 1 && root["b"].real == 2.5 && root["b"].integer == 0)
        #expect(root["c"].text == "x\u{1b}" && root["d"].list.map(\.integer) == [1, 2] && root["e"].flag)
        #expect(root["f"].text == "" && root["g"]["h"].integer == 7)
        #expect(root["missing"]["more"].list.isEmpty && root["a"]["b"].real == 0 && !root["a"].flag)
    }

    @Test func theLineIsPlainASCII() throws {
        let line = try read("{\"a\": \"\\u001b\u{e9}\\u202e\", \"b\":\n 3.088}").line
        #expect(line == #"{"a": "\u001B\u00E9\u202E", "b": 3.088}"#)
        #expect(try read(#"{"\u007f\\": "\#u{7f}\u001f"}"#).line == #"{"\u007F\\": "\u007F\u001F"}"#)
    }

    @Test(arguments: ["", "{", "nonsense", "7", "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}", "\u{1b}", "[\"\u{7}\"]"])
    func whatIsNoneIsRefused(_ text: String) throws {
        do {
            _ = try read(text)
            Issue.record("it was taken")
        } catch let failure as JSONDocument.Failure {
            #expect(failure.reason.utf8.allSatisfy { (0x20..<0x7f).contains($0) } && !failure.reason.isEmpty)
        }
    }

    @Test func whatIsDeepIsRefused() throws {
        #expect(throws: JSONDocument.Failure.self) { try read(String(repeating: "[", count: 100_000)) }
    }

    @Test func anOldOrEmptyAnswerIsShownAllTheSame() throws {
        let root = try read("{}").root
        #expect(StatusText(status: root).line.hasPrefix("state= sessions=0"))
        #expect(StatusText(status: root).lines.count > 3)
        #expect(SessionsText(document: root).lines.first == "0 sessions")
    }
}

@Suite struct ScreenTests {
    @Test func whatDoesNotFitIsLeftOut() {
        let drawn = Screen.drawn(["abcdef", "b", "c"], height: 2, width: 3)
        #expect(drawn == "\u{1b}[Habc\u{1b}[K\r\nb\u{1b}[K\u{1b}[J")
        #expect(Screen.drawn([], height: 2, width: 3) == "\u{1b}[H\u{1b}[J")
    }
}

@Suite struct SessionsTextTests {
    private func text(_ json: String) throws -> SessionsText {
        SessionsText(document: try JSONDocument(Array(json.utf8)).root)
    }

    @Test(arguments: ["1e300", "-1e300", "9223372036854775807", "-9223372036854775808", "null", "[]"])
    func absurdNumbersAreShown(_ number: String) throws {
        let json =
            #"{"total": \#(number), "sessions": [{"age_seconds": \#(number), "bytes_sent": \#(number)}],"#
            + #""sessions_ever": \#(number), "uptime_seconds": \#(number), "max_sessions": \#(number),"#
            + #""upstreams": [{"servers": [{"up_shards": \#(number), "connections": \#(number)}]}]}"#
        #expect(try text(json).line.contains("oldest_seconds="))
        #expect(try text(json).lines.count > 1)
        let status = StatusText(status: try JSONDocument(Array(json.utf8)).root)
        #expect(status.lines.count > 3 && status.line.contains("servers=1"))
    }

    @Test func theLineCountsThePhases() throws {
        let one = try text(
            #"{"total": 9, "complete": false, "silent_shards": [1], "sessions": [{"age_seconds": 61.5, "phase": "ehlo"},"#
                + #"{"phase": "ehlo"}, {"phase": "passthrough"}]}"#)
        #expect(one.line == "sessions=9 shown=3 complete=no oldest_seconds=61 ehlo=2 passthrough=1")
        #expect(one.lines.prefix(2) == ["The oldest 3 of 9 sessions", "Not all: shards that do not answer: 1"])
        #expect(one.lines.count == 7 && one.lines[3].hasPrefix("ID"))
    }
}
