import Glibc
import Ring
import Settings
import TestSupport
import Testing

@testable import Service

/// Where transcripts go, and when.
@Suite struct TranscriptFileTests {
    private static func setup(_ log: String) -> ServerSetup {
        ServerSetup { $0.log = log }
    }

    private static func writing(to file: String) -> ServerSetup {
        setup("transcript = \"commands\"\ntranscript_file = \"%/\(file)\"")
    }

    /// A session that is greeted, and has the upstream hear `name` in its HELO.
    private func session(_ server: TestServer, _ name: String) throws {
        let client = try server.client()
        let upstream = try server.greeted(client)
        try say(name, client, upstream)
        client.close()
        upstream.close()
        _ = try server.log.session()
    }

    private func say(_ name: String, _ client: Peer, _ upstream: Peer) throws {
        try client.send("HELO \(name)\r\n")
        try upstream.expect("HELO \(name)\r\n")
    }

    @Test func aReloadTurnsThemOnAndOffForNewSessions() throws {
        let server = try TestServer(Self.setup(""))
        let old = try server.client()
        let oldUpstream = try server.greeted(old)
        #expect(try server.reload(Self.writing(to: "t")) == .done(warnings: []))
        try say("old.example", old, oldUpstream)
        try session(server, "first.example")
        let text = try server.folder.wait(for: "t", toHave: ["C: HELO first.example", "handed off"])
        #expect(!text.contains("old.example"))
        #expect(try server.reload(Self.setup("")).isDone)
        try session(server, "second.example")
        #expect(try server.reload(Self.writing(to: "t")).isDone)
        try session(server, "third.example")
        #expect(try !server.folder.wait(for: "t", toHave: ["third.example"]).contains("second.example"))
        old.close()
        oldUpstream.close()
        #expect(server.drain() == .drained)
    }

    @Test func withoutAFileTheyGoToTheLog() throws {
        let server = try TestServer(Self.setup("transcript = \"commands\""))
        let client = try server.client()
        let upstream = try server.greeted(client)
        try say("c.example", client, upstream)
        let line = try server.log.message("\"line\":\"C: HELO c.example\"")
        #expect(line.contains("\"message\":\"transcript\",\"session\":\""))
        client.close()
        upstream.close()
        #expect(server.drain() == .drained)
    }

    @Test func passwordsAreWrittenDownOnlyWhereItIsSaid() throws {
        var setup = Self.writing(to: "t")
        setup.log += "\ntranscript_credentials = true"
        let server = try TestServer(setup)
        let client = try server.client()
        let upstream = try server.greeted(client)
        try client.send("AUTH PLAIN secret\r\n")
        _ = try client.readToEnd()
        upstream.close()
        _ = try server.folder.wait(for: "t", toHave: ["C: AUTH PLAIN secret"])
        #expect(server.drain() == .drained)
    }

    @Test func theirFileIsReopened() throws {
        let server = try TestServer(Self.writing(to: "t"))
        try session(server, "first.example")
        _ = try server.folder.wait(for: "t", toHave: ["handed off"])
        #expect(rename(server.folder.path + "/t", server.folder.path + "/t.1") == 0)
        server.signal(SIGUSR1)
        _ = try server.folder.wait(for: "t", toHave: [])
        let deadline = time(nil) + 10
        while access(server.folder.path + "/t", F_OK) != 0, time(nil) < deadline { sched_yield() }
        try session(server, "second.example")
        _ = try server.folder.wait(for: "t", toHave: ["second.example", "handed off"])
        #expect(try !server.folder.wait(for: "t.1", toHave: ["first.example"]).contains("second.example"))
        #expect(server.drain() == .drained)
    }

    @Test func aFileThatCannotBeOpenedIsRefused() throws {
        #expect(throws: (any Error).self) { try TestServer(Self.writing(to: "missing/t")) }
        let server = try TestServer(Self.setup(""))
        let report = try server.reload(Self.writing(to: "missing/t"))
        #expect(!report.isDone)
        #expect(report.problems.count == 1)
        #expect(report.problems[0].hasSuffix("/missing/t: No such file or directory"), "\(report)")
        #expect(report.problems[0].contains(": log.transcript_file: cannot open "), "\(report)")
        #expect(server.drain() == .drained)
    }

    @Test func thereIsAnEndToTheirNumber() throws {
        let server = try TestServer(Self.writing(to: "t0"))
        for number in 1..<TranscriptFiles.countMax {
            #expect(try server.reload(Self.writing(to: "t\(number)")).isDone)
        }
        let report = try server.reload(Self.writing(to: "t\(TranscriptFiles.countMax)"))
        #expect(report.problems.count == 1 && !report.isDone)
        #expect(report.problems[0].contains("8 others have been opened"), "\(report)")
        #expect(try server.reload(Self.writing(to: "t0")).isDone)
        #expect(server.drain() == .drained)
        for number in 0..<TranscriptFiles.countMax { _ = try server.folder.wait(for: "t\(number)", toHave: []) }
    }
}
