import Glibc
import Ring
import Testing

@testable import Telemetry

@Suite struct JournalTests {
    private static let time = UTCTime(unixMilliseconds: 1_234_567_890_123)

    private static func line(
        _ message: String?, _ fields: [LogField], level: Log.Level = .info, event: Log.Event? = nil
    ) -> LogLine {
        LogLine(time: time, level: level, message: message, fields: fields, event: event)
    }

    @Test func aMessageHasItsFieldsEach() {
        let line = Self.line(
            "server fails",
            [
                LogField("server", .text("192.0.2.1:25")), LogField("reason", .text("two \"words\"")),
                LogField("count", .number(7)), LogField("again", .flag(true)), LogField("proxy", .none),
            ], level: .warning)
        #expect(
            JournalEntry(line, .text).fields == [
                #"MESSAGE=server fails server=192.0.2.1:25 reason="two \"words\"" count=7 again=true proxy=-"#,
                "PRIORITY=4", "SYSLOG_IDENTIFIER=mailrace", "MAILRACE_SERVER=192.0.2.1:25",
                "MAILRACE_REASON=two \"words\"", "MAILRACE_COUNT=7", "MAILRACE_AGAIN=true",
            ])
    }

    @Test func aJSONMessageIsTheWholeObject() {
        let line = Self.line("m", [LogField("a", .text("b"))])
        #expect(
            JournalEntry(line, .json).fields == [
                #"MESSAGE={"time":"2009-02-13T23:31:30.123Z","level":"info","message":"m","a":"b"}"#, "PRIORITY=6",
                "SYSLOG_IDENTIFIER=mailrace", "MAILRACE_A=b",
            ])
    }

    @Test func aSessionIsItsFields() {
        var record = SessionRecord(
            id: SessionID(shard: 3, time: Self.time, counter: 9), listener: "mx", start: Self.time,
            client: "192.0.2.7:4711")
        record.end = .quit
        let entry = JournalEntry(Self.line(nil, record.fields, event: record.event), .text)
        #expect(entry.fields[0].hasPrefix("MESSAGE=session=\(record.id) shard=3 listener=mx start="))
        let names = entry.fields.map { String($0.prefix { $0 != "=" }) }
        #expect(Set(names).count == names.count)
        for name in ["MAILRACE_SESSION=\(record.id)", "MAILRACE_CLIENT=192.0.2.7:4711", "MAILRACE_END=quit"] {
            #expect(entry.fields.contains(name))
        }
        #expect(!names.contains("MAILRACE_UPSTREAM"))
        #expect(entry.fields.contains("MESSAGE_ID=\(Log.Event.sessionEnded.messageID)"))
        record.end = .refusedRate
        #expect(record.event == .clientRefused)
    }

    @Test(arguments: zip(Log.Level.allCases, ["7", "6", "4", "3"]))
    func levelsArePriorities(_ level: Log.Level, _ priority: String) {
        #expect(JournalEntry(Self.line("m", [], level: level), .text).fields[1] == "PRIORITY=\(priority)")
    }

    @Test func namesAreThoseThatTheJournalTakes() {
        let odd = LogField("tls-version.ä\n" + String(repeating: "x", count: 100), .number(1))
        let field = JournalEntry(Self.line("m", [odd]), .text).fields[3]
        let name = "MAILRACE_TLS_VERSION____" + String(repeating: "X", count: 40)
        #expect(field == "\(name)=1")
        #expect(name.utf8.count == 64)
    }

    @Test func noValueEndsItsField() {
        for scalar in (0...0x2ff).compactMap({ Unicode.Scalar($0) }) {
            let fields = [LogField("a", .text(String(scalar))), LogField("b", .bytes(Array(String(scalar).utf8)))]
            for format in Log.Format.allCases {
                let entry = JournalEntry(Self.line(String(scalar), fields), format)
                #expect(entry.fields.allSatisfy { $0.utf8.allSatisfy { 0x20...0x7e ~= $0 } })
            }
        }
        let long = LogField("long", .text(String(repeating: "v", count: 1000)))
        let kept = String(repeating: "v", count: LogLine.valueBytesMax)
        #expect(JournalEntry(Self.line("m", [long]), .text).fields[3] == "MAILRACE_LONG=\(kept)...")
    }

    @Test(arguments: [
        ("8:4711", true), ("8:4712", false), ("9:4711", false), ("", false), ("8", false), ("8:", false),
        (":4711", false), ("8:4711:1", false), ("8:4711 ", false), ("0x8:4711", false), ("4711:8", false),
        ("8:99999999999999999999999", false), ("8:-4711", false),
    ])
    func theStandardErrorIsTheJournalOnlyIfItIsTheSameFile(_ stream: String, _ expected: Bool) {
        #expect(Journal.names(stream, device: 8, inode: 4711) == expected)
    }

    @Test func eventsHaveIdsOfTheirOwn() {
        let ids = Log.Event.allCases.map(\.messageID)
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { id in id.utf8.count == 32 && id.allSatisfy { "0123456789abcdef".contains($0) } })
    }

    @Test func theManualHasTheIds() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let lines = try readFile(root + "/packaging/man/mailrace.8").split(separator: "\n")
        let start = try #require(lines.firstIndex(of: ".SS Journal"))
        let end = try #require(lines.firstIndex(of: ".SS Transcripts"))
        let listed = lines[start..<end].filter { $0.hasPrefix(".B ") && $0.utf8.count == 35 }.map { $0.dropFirst(3) }
        #expect(listed == Log.Event.allCases.map { $0.messageID[...] })
    }

    @Test func linesAreSentInOrder() {
        let sent = Locked<[String]>([])
        let log = Log(
            .journal { entry in
                sent.withLock { $0.append(entry.fields[0]) }
                return true
            }, format: .text, level: .info)
        log.debug("left out")
        log.info("one")
        log.reopen()
        log.error("two", ["a": "b"], event: .reloadRefused)
        log.close()
        #expect(sent.withLock { $0 } == ["MESSAGE=one", "MESSAGE=two a=b"])
        #expect(log.droppedLines == 0)
    }

    @Test func whatTheJournalDoesNotTakeIsCounted() {
        let log = Log(.journal { _ in false }, format: .text, level: .info)
        log.info("one")
        log.info("two")
        log.close()
        #expect(log.droppedLines == 2)
    }

    /// A journal that has stopped: callers do not wait, and the end does not for long.
    @Test func aJournalThatHasStoppedStopsNobody() {
        let gate = BlockingQueue<Int>(limit: 1)
        let log = Log(.journal { _ in gate.pop() == nil }, format: .text, level: .info)
        for index in 0...(2 * Log.queuedLinesMax) { log.info("line \(index)") }
        #expect(log.droppedLinesEver > 0)
        log.close()
        gate.close()
    }
}
