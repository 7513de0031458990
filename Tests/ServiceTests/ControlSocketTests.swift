import Glibc
import Ring
import TestSupport
import Testing

@testable import Service

@Suite struct ControlSocketTests {
    private let folder: TemporaryFolder
    private let events = ServerEvents()
    private let log: LogPipe
    private var path: String { folder.path + "/control.sock" }

    init() throws {
        folder = try TemporaryFolder()
        log = try LogPipe()
    }

    private func open(
        patience: Duration = .seconds(20), interval: Duration = ControlSocket.interval
    ) throws -> ControlSocket {
        let address = try #require(SocketAddress(unix: path))
        let control = try #require(
            ControlSocket.open(
                at: address, events, log.log, source: "/x.toml", patience: patience, interval: interval))
        control.begin()
        return control
    }

    private func connect() throws -> Peer {
        let descriptor = try #require(SocketAddress(unix: path)).connectedNow()
        try #require(descriptor >= 0)
        return Peer(descriptor: descriptor)
    }

    /// Answers the next requests, as the main thread does.
    private func answering(_ reports: [RequestReport]) -> Thread {
        Thread.start(name: "main") { [events] in
            for report in reports {
                guard case .reload(let answers) = events.next() else { return }
                for answer in answers { answer.give(report) }
            }
        }
    }

    @Test func aReloadIsAskedForAndReported() throws {
        let control = try open()
        let reports = [
            RequestReport.done(warnings: []), .done(warnings: ["doubtful", "two\nlines"]),
            .refused(["wrong", "worse"]),
            .ending,
        ]
        let main = answering(reports)
        #expect(ControlClient.ask(.reload, at: path) == .done(["read: /x.toml"]))
        #expect(
            ControlClient.ask(.reload, at: path) == .done(["read: /x.toml", "warning: doubtful", "warning: two lines"]))
        #expect(ControlClient.ask(.reload, at: path) == .refused(["error: wrong", "error: worse"]))
        #expect(ControlClient.ask(.reload, at: path) == .unavailable("the server is ending"))
        main.join()
        control.close()
    }

    @Test func theSocketIsTheOwnersAlone() throws {
        let control = try open()
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        control.close()
        #expect(access(path, F_OK) != 0)
    }

    @Test(arguments: ["\n", "stop\n", "reload now\n", "RELOAD\n", "\u{0}\n", "reload\r\n"])
    func whatIsNoRequestIsRefused(_ text: String) throws {
        let control = try open()
        let client = try connect()
        try client.send(text)
        let answer = String(decoding: try client.readToEnd(), as: UTF8.self)
        #expect(answer.hasPrefix("error: there is no request") && answer.hasSuffix("\nfailed\n"))
        control.close()
    }

    @Test(arguments: [[UInt8](repeating: 120, count: 64), [UInt8](repeating: 0xff, count: 5000), []])
    func whatNeverEndsGetsNoAnswer(_ bytes: [UInt8]) throws {
        let control = try open()
        let client = try connect()
        try client.send(bytes)
        if bytes.isEmpty { client.finishRaw() }
        #expect(try client.readToEnd().isEmpty)
        control.close()
    }

    @Test func aRequestMayComeInPieces() throws {
        let control = try open()
        let main = answering([.done(warnings: [])])
        let client = try connect()
        for byte in Array("reload\n".utf8) { try client.send([byte]) }
        #expect(String(decoding: try client.readToEnd(), as: UTF8.self) == "read: /x.toml\nok\n")
        main.join()
        control.close()
    }

    @Test func whoIsSlowIsLeft() throws {
        let control = try open(patience: .milliseconds(500))
        let slow = try connect()
        try slow.send("rel")
        let main = answering([.done(warnings: [])])
        #expect(ControlClient.ask(.reload, at: path) == .done(["read: /x.toml"]))
        try slow.expectEnd()
        main.join()
        control.close()
    }

    /// The next one waits as long for each of them.
    @Test func whoIsSilentIsNotWaitedForLong() {
        #expect(ControlSocket.patience <= .seconds(1))
    }

    @Test func theEndDoesNotWaitForWhoIsSlow() throws {
        let control = try open(patience: .seconds(3600))
        let slow = try connect()
        try slow.send("rel")
        control.close()
        try slow.expectEnd()
    }

    /// Whoever ends it may be the one whom a request waits for.
    @Test func theEndAnswersWhoIsWaiting() throws {
        let control = try open()
        let client = try connect()
        try client.send("reload\n")
        _ = try log.message("reload asked for at the control socket")
        control.close()
        let answer = String(decoding: try client.readToEnd(), as: UTF8.self)
        #expect(["", "error: the server is ending\nending\n"].contains(answer))
        #expect(access(path, F_OK) != 0)
    }

    @Test func whoIsWaitingIsSentToTheProcessThatTakesThePlace() throws {
        let control = try open()
        let client = try connect()
        try client.send("reload\n")
        _ = try log.message("reload asked for at the control socket")
        control.leave()
        let answer = String(decoding: try client.readToEnd(), as: UTF8.self)
        #expect(answer == "error: another process serves now: ask once more\nunavailable\n")
        #expect(access(path, F_OK) == 0)
        #expect(unlink(path) == 0)
    }

    @Test func whoComesLateIsTakenByTheProcessThatTakesThePlace() throws {
        let control = try open()
        control.stopTaking()
        let client = try connect()
        try client.send("reload\n")
        let socket = try ListeningSocket.adopt(dup(control.socket.descriptor), file: control.socket.file)
        control.leave()
        let next = try #require(
            ControlSocket.open(at: socket.address, inherited: socket, ServerEvents(), log.log, source: "/x.toml"))
        next.begin()
        _ = try log.message("reload asked for at the control socket")
        next.close()
        #expect(access(path, F_OK) != 0)
    }

    @Test func nobodyThere() {
        #expect(ControlClient.ask(.reload, at: path) == .unavailable("No such file or directory"))
        #expect(ControlClient.ask(.reload, at: "") == .unavailable("this is no path of a socket"))
    }

    @Test func whatADeadProcessHasLeftIsReplaced() throws {
        let stale = try ListeningSocket.bind(try #require(SocketAddress(unix: path)), sharesPort: false)
        Glibc.close(stale.descriptor)
        #expect(ControlClient.ask(.reload, at: path) == .unavailable("Connection refused"))
        let control = try open()
        let main = answering([.done(warnings: [])])
        #expect(ControlClient.ask(.reload, at: path) == .done(["read: /x.toml"]))
        main.join()
        control.close()
    }

    @Test func aFileThatIsRemovedIsMadeAnew() throws {
        let control = try open(interval: .milliseconds(10))
        let main = answering([.done(warnings: [])])
        #expect(unlink(path) == 0)
        _ = try log.message("the file of the control socket had been removed: it is made anew")
        #expect(ControlClient.ask(.reload, at: path) == .done(["read: /x.toml"]))
        main.join()
        control.close()
        #expect(access(path, F_OK) != 0)
    }

    @Test func aFolderThatIsRemovedIsWaitedFor() throws {
        let inner = folder.path + "/run"
        #expect(mkdir(inner, 0o700) == 0)
        let address = try #require(SocketAddress(unix: inner + "/control.sock"))
        let control = try #require(
            ControlSocket.open(at: address, events, log.log, source: "/x.toml", interval: .milliseconds(10)))
        control.begin()
        #expect(rename(inner, inner + ".gone") == 0)
        _ = try log.message("the file of the control socket has been removed: \(address): No such file or directory")
        #expect(mkdir(inner, 0o700) == 0)
        _ = try log.message("it is made anew")
        control.close()
        #expect(unlink(inner + ".gone/control.sock") == 0)
        #expect(rmdir(inner + ".gone") == 0)
        #expect(rmdir(inner) == 0)
    }

    @Test func anotherProcessKeepsItsSocket() throws {
        let control = try open()
        #expect(ControlSocket.open(at: try #require(SocketAddress(unix: path)), events, log.log, source: "") == nil)
        _ = try log.message("'mailrace reload' is not available")
        let main = answering([.done(warnings: [])])
        #expect(ControlClient.ask(.reload, at: path) == .done(["read: /x.toml"]))
        main.join()
        control.close()
    }

    @Test func withoutItsFolderThereIsNone() throws {
        let address = try #require(SocketAddress(unix: folder.path + "/none/control.sock"))
        #expect(ControlSocket.open(at: address, events, log.log, source: "") == nil)
        #expect(try log.message("'mailrace reload' is not available").contains("No such file or directory"))
    }

    @Test func anAnswerThatIsTooLongStillHasItsEnd() {
        let problems = [String](repeating: String(repeating: "x", count: 1000), count: 5000)
        let answer = ControlProtocol.answer(.refused(problems))
        #expect(answer.utf8.count <= ControlProtocol.answerBytesMax)
        #expect(answer.hasSuffix("x\nfailed\n"))
    }
}
