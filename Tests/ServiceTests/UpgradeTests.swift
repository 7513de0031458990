import CLinux
import Glibc
import Ring
import Settings
import Telemetry
import TestSupport
import Testing

@testable import Service

@Suite struct UpgradeTests {
    private func channels() throws -> (UpgradeChannel, UpgradeChannel) {
        var ends: [Int32] = [-1, -1]
        try #require(linux_socket_pair(&ends) >= 0)
        return (UpgradeChannel(ends[0]), UpgradeChannel(ends[1]))
    }

    // MARK: What is left

    private func sockets(_ count: Int) throws -> [ListeningSocket] {
        let first = try ListeningSocket.bind(.loopback(port: 0), sharesPort: true)
        return try [first] + (1..<count).map { _ in try ListeningSocket.bind(first.address, sharesPort: true) }
    }

    @Test func whatIsLeftArrivesAsItWas() throws {
        let folder = try TemporaryFolder()
        let path = try #require(SocketAddress(unix: folder.path + "/a b.sock"))
        let unix = try ListeningSocket.bind(path, sharesPort: false)
        let two = try sockets(2)
        defer { for socket in two + [unix] { socket.close() } }
        let handover = Handover(items: [
            .init(
                kind: .listener, name: "mx",
                place: ListenPlace(listener: "mx", address: .loopback(port: 0), ipv6Only: true), sockets: two),
            .init(
                kind: .listener, name: "local", place: ListenPlace(listener: "local", address: path), sockets: [unix]),
            .init(kind: .handed, name: "smtp", sockets: [try .adopt(two[0].descriptor)]),
            .init(kind: .process, name: "control", sockets: [unix]),
            .init(kind: .unknown("later"), name: "x", sockets: [unix]),
        ])
        let (former, next) = try channels()
        #expect(former.say(["words of a later version"] + handover.lines))
        let inheritance = try Inheritance.heard(over: next)
        #expect(inheritance.socket("control") == unix)
        #expect(inheritance.socket("admin") == nil)
        #expect(inheritance.unknown == [unix])
        let bindings = inheritance.bindings(shards: 2).all
        #expect(bindings.map(\.place) == handover.items[..<2].map(\.place))
        #expect(bindings.map(\.sockets) == [two, [unix]])
        #expect(bindings.map(\.isShared) == [false, true])
        for socket in two { #expect(fcntl(socket.descriptor, F_GETFD) == FD_CLOEXEC) }
    }

    /// Whatever the numbers of sockets and of shards are.
    @Test func everySocketHasAShardAndEveryShardASocket() throws {
        for count in 1...5 {
            let sockets = try sockets(count)
            defer { for socket in sockets { socket.close() } }
            for shards in 1...5 {
                let place = ListenPlace(listener: "mx", address: sockets[0].address)
                let binding = Binding(inherited: sockets, of: place, shards: shards)
                let accepting = (0..<shards).map { binding.sockets(of: $0, of: shards) }
                #expect(accepting.allSatisfy { !$0.isEmpty })
                #expect(Set(accepting.flatMap { $0.map(\.descriptor) }) == Set(sockets.map(\.descriptor)))
                #expect(binding.isShared == (count != shards))
            }
        }
    }

    @Test(arguments: [
        "socket listener mx 0", "socket listener mx 0 zz 5", "socket listener mx 0 - 0",
        "socket listener mx 0 - x", "socket listener mx 0 - 99999999999", "socket listener mx 0 0 5",
    ])
    func whatCannotBeTakenIsAnError(_ line: String) throws {
        let (former, next) = try channels()
        former.say([line, "end"])
        #expect(throws: Inheritance.Failure.self) { try Inheritance.heard(over: next) }
    }

    @Test func aFormerProcessThatEndsIsAnError() throws {
        var ends: [Int32] = [-1, -1]
        try #require(linux_socket_pair(&ends) >= 0)
        close(ends[1])
        #expect(throws: Inheritance.Failure.self) { try Inheritance.heard(over: UpgradeChannel(ends[0])) }
    }

    @Test func aProcessThatCannotServeLeavesTheControlSocketAsItIs() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/control.sock"
        try ServerSetup { $0.controlSocket = path }.write(to: folder, upstream: .loopback(port: 25))
        let loaded = try Settings.load(SettingsSources(file: folder.path + "/mailrace.toml"))
        let left = try ListeningSocket.bind(try #require(SocketAddress(unix: path)), sharesPort: false)
        defer { left.close() }
        let (former, next) = try channels()
        let copy = try ListeningSocket.adopt(dup(left.descriptor), file: left.file)
        former.say(Handover(items: [.init(kind: .process, name: "control", sockets: [copy])]).lines)
        let log = try LogPipe()
        // There is no such user, not even for root.
        let user = ServiceUser(name: "nobody", user: .max, group: .max)
        let server = try Server(
            loaded, log: log.log, inheritance: try .heard(over: next), user: user
        ) { () throws(SettingsProblems) in loaded }
        guard case .unavailable(let lack) = server.run() else {
            Issue.record("it has served")
            return
        }
        #expect(lack.reason.hasPrefix("cannot become nobody"))
        #expect(access(path, F_OK) == 0)
        log.log.close()
    }

    // MARK: The channel

    @Test func linesComeAtEverySplit() throws {
        let bytes = Array("serving\n\nmain\n".utf8)
        for split in 0...bytes.count {
            var ends: [Int32] = [-1, -1]
            try #require(linux_socket_pair(&ends) >= 0)
            let channel = UpgradeChannel(ends[0])
            for part in [bytes[..<split], bytes[split...]] where !part.isEmpty {
                #expect(part.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) } == part.count)
            }
            close(ends[1])
            let heard = (0..<4).map { _ in channel.hear(until: .never) }
            #expect(heard == [.line("serving"), .line(""), .line("main"), .end])
        }
    }

    @Test func aLineWithoutEndIsTheEnd() throws {
        let (one, other) = try channels()
        let writer = Thread.start(name: "writer") { one.say([String(repeating: "x", count: 200_000)]) }
        #expect(other.hear(until: .never) == .end)
        one.interrupt()
        writer.join()
    }

    @Test func waitingEnds() throws {
        let (one, other) = try channels()
        #expect(one.hear(until: .current()) == .late)
        one.interrupt()
        #expect(one.hear(until: .never) == .interrupted)
        withExtendedLifetime(other) {}
    }

    // MARK: The other process

    /// What comes of a shell that runs this.
    private func outcome(
        _ script: String, _ handover: Handover = Handover(), patience: Duration = .seconds(30)
    ) throws -> UpgradeOutcome? {
        let queue = BlockingQueue<UpgradeOutcome>(limit: 1)
        let program = UpgradeProgram(path: "/bin/bash", arguments: ["bash", "-c", script])
        let upgrade = try Upgrade(program, handover, patience: patience) { _ = queue.push($0) }
        defer { upgrade.join() }
        let outcome = queue.pop()
        // Nobody else waits for one that serves; and tests of processes that exit wait for any child.
        guard case .serving(let process, let unclaimed) = outcome else { return outcome }
        if process == upgrade.process { linux_end_child(process) } else { kill(process, SIGKILL) }
        // The number is another one each time.
        return .serving(process: process == upgrade.process ? 0 : 1, unclaimed: unclaimed)
    }

    private let channel = "channel=${UPGRADE_OF_MAILRACE%%:*}; [ ${UPGRADE_OF_MAILRACE##*:} = $PPID ] || exit 1; "

    @Test func itServes() throws {
        #expect(try outcome(channel + "echo serving >&$channel") == .serving(process: 0, unclaimed: []))
        #expect(
            try outcome(channel + "printf 'what\\nunclaimed 5,7\\nserving\\n' >&$channel")
                == .serving(process: 0, unclaimed: [5, 7]))
    }

    /// Once it serves, the one between is no more, and nobody here waits for it.
    @Test func aChildOfItServes() throws {
        let script =
            channel
            + "sleep 3600 & printf \"process $!\\nserving\\n\" >&$channel; wait"
        let queue = BlockingQueue<UpgradeOutcome>(limit: 1)
        let program = UpgradeProgram(path: "/bin/bash", arguments: ["bash", "-c", script])
        let upgrade = try Upgrade(program, Handover()) { _ = queue.push($0) }
        guard case .serving(let process, _) = queue.pop() else {
            Issue.record("it does not serve")
            return
        }
        upgrade.join()
        #expect(process != upgrade.process)
        #expect(kill(upgrade.process, 0) == -1)
        #expect(kill(process, SIGKILL) == 0)
    }

    @Test func aChildOfItIsGivenUp() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let pipe = open(path, O_RDONLY | O_NONBLOCK)
        defer {
            close(pipe)
            unlink(path)
        }
        let queue = BlockingQueue<UpgradeOutcome>(limit: 1)
        let script = channel + "exec 9>\(path); sleep 3600 & printf \"process $!\\n\" >&$channel; wait"
        let program = UpgradeProgram(path: "/bin/bash", arguments: ["bash", "-c", script])
        let upgrade = try Upgrade(program, Handover(), patience: .seconds(2)) { _ = queue.push($0) }
        #expect(queue.pop() == .failed(["the new process does not serve after 2 s"], isConfiguration: false))
        upgrade.join()
        #expect(kill(upgrade.process, 0) == -1)
        // Neither of the two has the pipe open any more, once the child is gone as well.
        var one = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        #expect(poll(&one, 1, 30_000) == 1 && one.revents == Int16(POLLHUP))
    }

    @Test func itFails() throws {
        #expect(try outcome("exit 7") == .failed(["the new process has ended with status 7"], isConfiguration: false))
        #expect(
            try outcome("kill -SEGV $$") == .failed(["the new process has ended by signal 11"], isConfiguration: false))
        #expect(
            try outcome(channel + "printf 'problem a\\nproblem b\\nfailed\\n' >&$channel; exit 78")
                == .failed(["a", "b"], isConfiguration: true))
        #expect(try outcome("exit 78") == .failed(["the new process has ended with status 78"], isConfiguration: true))
    }

    @Test func itMayTakeTooLong() throws {
        #expect(
            try outcome("exec sleep 3600", patience: .milliseconds(100))
                == .failed(["the new process does not serve after 0 s"], isConfiguration: false))
    }

    @Test func itIsGivenUp() throws {
        let queue = BlockingQueue<UpgradeOutcome>(limit: 1)
        let program = UpgradeProgram(path: "/bin/sleep", arguments: ["sleep", "3600"])
        let upgrade = try Upgrade(program, Handover()) { _ = queue.push($0) }
        upgrade.abandon()
        #expect(queue.pop() == .failed(["the server is ending"], isConfiguration: false))
        #expect(kill(upgrade.process, 0) == -1)
    }

    @Test func aProgramThatIsNotThere() {
        let program = UpgradeProgram(path: "/nonexistent/mailrace", arguments: ["mailrace"])
        #expect {
            try Upgrade(program, Handover()) { _ in }
        } throws: { error in
            (error as? Upgrade.Failure)?.reason == "cannot start /nonexistent/mailrace: No such file or directory"
        }
    }

    @Test func itHasWhatItIsLeftAndNoSignalBlocked() throws {
        let sockets = try sockets(2)
        defer { for socket in sockets { socket.close() } }
        let handover = Handover(items: [.init(kind: .process, name: "x", sockets: sockets)])
        let numbers = sockets.map { "\($0.descriptor)" }.joined(separator: " ")
        let script =
            channel
                + """
                grep -q '^SigBlk:.0*$' /proc/$$/status || echo "problem signals" >&$channel
                for fd in \(numbers); do [ -S /proc/$$/fd/$fd ] || echo "problem $fd" >&$channel; done
                echo serving >&$channel
                """
        #expect(try outcome(script, handover) == .serving(process: 0, unclaimed: []))
    }

    @Test func theProgramOfThisProcessIsKnown() throws {
        let program = try #require(UpgradeProgram.ofThisProcess())
        #expect(program.path.hasPrefix("/"))
        #expect(access(program.path, X_OK) == 0)
    }
}
