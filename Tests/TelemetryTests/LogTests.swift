import Glibc
import Ring
import Testing

@testable import Telemetry

@Suite struct LogTests {
    private static func record() -> SessionRecord {
        let start = UTCTime(unixMilliseconds: 1_234_567_890_123)
        return SessionRecord(
            id: SessionID(shard: 0, time: start, counter: 0), listener: "m\"x\n\u{1}é", start: start, client: "😀\\")
    }

    @Test func linesAreAppendedInOrder() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/log"
        for run in 0..<2 {
            let log = try Log(.file(path), format: .text, level: .info)
            log.info("run \(run)")
            log.error("trouble", ["server": "two words"])
            log.close()
        }
        let lines = try folder.lines(of: "log").map { $0.split(separator: " ", maxSplits: 1)[1] }
        let expected = ["info run 0", "error trouble server=\"two words\"", "info run 1"]
        #expect(lines == (expected + [expected[1]]).map { $0[...] })
    }

    @Test(arguments: Log.Level.allCases) func whatIsLessImportantIsLeftOut(_ level: Log.Level) throws {
        let folder = try TemporaryFolder()
        let log = try Log(.file(folder.path + "/log"), format: .text, level: level)
        log.debug("line")
        log.info("line")
        log.warning("line")
        log.error("line")
        log.write(Self.record())
        log.close()
        let kept = Log.Level.allCases.filter { $0 >= level }.map { "\($0.rawValue) line" }
        let expected = level <= .info ? kept + ["info session=AAAAAAAA"] : kept
        let lines = try folder.lines(of: "log")
        #expect(lines.count == expected.count)
        for (line, start) in zip(lines, expected) where !start.contains("session") { #expect(line.contains(start)) }
    }

    @Test func messagesBelowTheLevelAreNotMade() throws {
        let folder = try TemporaryFolder()
        let log = try Log(.file(folder.path + "/log"), format: .text, level: .error)
        var made = 0
        func message() -> String {
            made += 1
            return "message"
        }
        log.debug(message())
        log.error(message())
        log.close()
        #expect(made == 1)
    }

    @Test func anotherProgramReadsTheJSON() throws {
        let folder = try TemporaryFolder()
        let log = try Log(.file(folder.path + "/log"), format: .json, level: .debug)
        let nasty = String(String.UnicodeScalarView((0...0x2ff).compactMap { Unicode.Scalar($0) })) + "\u{10ffff}\"\\"
        log.info(nasty, ["first": nasty, "\"\n": "😀"])
        log.write(Self.record())
        log.close()
        let script = """
            import json, sys
            nasty = "".join(chr(c) for c in range(0x300)) + chr(0x10ffff) + '"' + chr(92)
            message, session = [json.loads(line) for line in open(sys.argv[1], encoding="ascii")]
            assert message["message"] == nasty and message["level"] == "info"
            assert message["first"].endswith("...") and nasty.startswith(message["first"][:-3])
            assert message['"' + chr(10)] == chr(0x1f600)
            assert session["listener"] == 'm"x' + chr(10) + chr(1) + chr(0xe9) and session["duration_ms"] == 0
            assert session["client"] == chr(0x1f600) + chr(92) and session["upstream"] is None
            """
        #expect(try run(["python3", "-c", script, folder.path + "/log"]) == 0)
    }

    @Test func aMovedFileIsLeftOnRequest() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/log"
        let log = try Log(.file(path), format: .text, level: .info)
        log.info("before")
        try folder.wait { try folder.lines(of: "log").count == 1 }
        #expect(rename(path, path + ".1") == 0)
        log.info("still here")
        try folder.wait { try folder.lines(of: "log.1").count == 2 }
        log.reopen()
        try folder.wait { access(path, F_OK) == 0 }
        log.info("after")
        log.close()
        #expect(try folder.lines(of: "log").map { $0.hasSuffix("after") } == [true])
        #expect(try folder.lines(of: "log.1").count == 2)
    }

    @Test func aFileThatCannotBeReopenedIsKept() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/log"
        let log = try Log(.file(path), format: .text, level: .info)
        #expect(rename(path, path + ".1") == 0)
        #expect(mkdir(path, 0o700) == 0)
        log.reopen()
        log.info("after")
        log.close()
        let lines = try folder.lines(of: "log.1")
        #expect(lines.count == 2)
        #expect(lines.first?.contains("log not reopened: cannot open \(path): Is a directory") == true)
    }

    @Test func aFileThatCannotBeOpenedIsAnError() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/missing/log"
        let error = #expect(throws: Log.OpenError.self) { try Log(.file(path), format: .text, level: .info) }
        #expect(error == Log.OpenError(path: path, code: ENOENT))
        #expect(error?.description == "cannot open \(path): No such file or directory")
    }

    @Test func aPipeThatNobodyReadsIsNotWaitedFor() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let error = #expect(throws: Log.OpenError.self) { try Log(.file(path), format: .text, level: .info) }
        #expect(error == Log.OpenError(path: path, code: ENXIO))
    }

    @Test func aPipeWhoseReaderHasGoneIsNotReopened() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let first = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let log = try Log(.file(path), format: .text, level: .info)
        close(first)
        log.reopen()
        log.info("to nobody")
        // The complaint is lost, too.
        try folder.wait { log.droppedLines > 0 }
        log.close()
        #expect(log.droppedLines >= 1)
    }

    /// A pipe that nobody reads: the writer's thread waits, the callers never do, and what is lost is told.
    @Test func aSlowReaderStopsNobody() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDWR | O_CLOEXEC)
        #expect(reader >= 0)
        let log = try Log(.file(path), format: .text, level: .info)
        let sent = 3 * Log.queuedLinesMax
        for index in 0..<sent { log.info("line \(index)") }

        let output = LineReader(reader)
        var (received, reported) = (0, 0)
        while received + reported < sent, let line = output.next() {
            if let report = line.firstRange(of: "log lines dropped lines=") {
                reported += try #require(Int(line[report.upperBound...]))
            } else {
                received += 1
            }
        }
        #expect(received + reported == sent)
        // The writer may have taken the count already, so that only what it reports can be relied on.
        #expect(reported > 0)
        log.close()
        close(reader)
        #expect(log.droppedLines == 0)
    }

    @Test func aReaderWhoHasStoppedDoesNotHoldUpTheEnd() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDWR | O_CLOEXEC)
        #expect(reader >= 0)
        let log = try Log(.file(path), format: .text, level: .info)
        for index in 0..<Log.queuedLinesMax { log.info("line \(index)") }
        log.close()
        close(reader)
    }

    @Test func manyReadersWhoHaveStoppedHoldUpTheEndNoLongerThanOne() throws {
        let folder = try TemporaryFolder()
        var readers: [Int32] = []
        defer { for reader in readers { close(reader) } }
        var logs: [Log] = []
        for number in 0..<4 {
            let path = "\(folder.path)/pipe\(number)"
            #expect(mkfifo(path, 0o600) == 0)
            readers.append(open(path, O_RDWR | O_CLOEXEC))
            let log = try Log(.file(path), format: .text, level: .info)
            for index in 0..<Log.queuedLinesMax { log.info("line \(index)") }
            logs.append(log)
        }
        let begun = Instant.current()
        Log.close(logs)
        #expect(Instant.current() < begun + Log.closePatience * 3)
    }

    @Test func linesAfterTheEndAreCounted() throws {
        let folder = try TemporaryFolder()
        let log = try Log(.file(folder.path + "/log"), format: .text, level: .info)
        log.close()
        log.info("too late")
        #expect(log.droppedLines == 1)
    }

    @Test func whatCannotBeWrittenIsCounted() throws {
        let log = try Log(.file("/dev/full"), format: .text, level: .info)
        log.info("one")
        log.info("two")
        log.close()
        #expect(log.droppedLines == 2)
    }

    @Test func aReaderWhoLeavesDoesNotEndTheProcess() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let log = try Log(.file(path), format: .text, level: .info)
        close(reader)
        log.info("to nobody")
        log.close()
        #expect(log.droppedLines == 1)
    }
}
