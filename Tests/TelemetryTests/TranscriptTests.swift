import Testing

@testable import Telemetry

@Suite struct TranscriptTests {
    private static let id = SessionID(shard: 0, time: UTCTime(unixMilliseconds: 0), counter: 0)

    /// What stands behind the time in the lines that `body` has written.
    private func lines(
        _ format: Log.Format = .text, level: Log.Level = .info, body: (Transcript) -> Void
    ) throws -> [String] {
        let folder = try TemporaryFolder()
        let log = try Log(.file(folder.path + "/log"), format: format, level: level)
        body(Transcript(to: log, showsCredentials: false))
        log.close()
        return try folder.lines(of: "log").map { line in
            String(line[try #require(line.firstRange(of: format == .text ? " " : ",")).upperBound...])
        }
    }

    @Test func aLineSaysWhoSpeaksWithWhom() throws {
        let lines = try lines { transcript in
            transcript.note(Self.id, with: .client, .client, Array("EHLO c\r\n".utf8))
            transcript.note(Self.id, with: .upstream, .server, Array("250-m\r\n250 SIZE\r\n".utf8))
            transcript.note(Self.id, with: .client, .event, Array("handed off".utf8))
        }
        #expect(
            lines == [
                "info transcript session=\(Self.id) with=client line=\"C: EHLO c\"",
                "info transcript session=\(Self.id) with=upstream line=\"S: 250-m\"",
                "info transcript session=\(Self.id) with=upstream line=\"S: 250 SIZE\"",
                "info transcript session=\(Self.id) with=client line=\"* handed off\"",
            ])
    }

    @Test func anyByteIsShown() throws {
        let bytes: [UInt8] = [0, 0x0d, 0xe9, 0xff, 0x22, 0x5c, 0x1b, 0x0d, 0x0a]
        func note(_ transcript: Transcript) { transcript.note(Self.id, with: .client, .client, bytes) }
        #expect(try lines(body: note)[0].hasSuffix(#" line="C: \x00\x0d\xe9\xff\"\\\x1b""#))
        #expect(try lines(.json, body: note)[0].hasSuffix(#","line":"C: \u0000\u000d\ufffd\ufffd\"\\\u001b"}"#))
    }

    @Test func longLinesAreCut() throws {
        let lines = try lines {
            $0.note(Self.id, with: .client, .client, Array(String(repeating: "v", count: 1000).utf8))
        }
        #expect(lines[0].hasSuffix("line=\"C: " + String(repeating: "v", count: LogLine.valueBytesMax - 3) + "...\""))
    }

    @Test func anEmptyLineIsOne() throws {
        #expect(try lines { $0.note(Self.id, with: .client, .client, [13, 10]) }.count == 1)
        #expect(try lines { $0.note(Self.id, with: .client, .client, []) }.isEmpty)
    }

    @Test(arguments: [Transcript.linesMax, Transcript.linesMax + 1, 13_000])
    func longRepliesAreCut(_ count: Int) throws {
        let reply = Array(String(repeating: "250-\r\n", count: count).utf8)
        let lines = try lines { $0.note(Self.id, with: .upstream, .server, reply) }
        #expect(lines.count == min(count, Transcript.linesMax + 1))
        if count > Transcript.linesMax {
            #expect(lines.last?.hasSuffix("line=\"* \(count - Transcript.linesMax) more lines\"") == true)
        }
    }

    @Test func isWrittenAtLevelInfo() throws {
        #expect(try lines(level: .warning) { $0.note(Self.id, with: .client, .event, [0x61]) }.isEmpty)
    }
}
