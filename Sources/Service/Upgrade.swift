import CLinux
import Glibc
import Ring

/// The program of this process, as it can be started again.
public struct UpgradeProgram: Sendable, Equatable {
    let path: String
    /// With the program's name.
    let arguments: [String]

    /// A program that is installed over that of this process is found by the same path.
    ///
    /// - Returns: nil where the path is not known.
    public static func ofThisProcess() -> UpgradeProgram? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = linux_program_path(&path, path.count)
        guard length > 0 else { return nil }
        let text = String(decoding: path.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return UpgradeProgram(path: text, arguments: CommandLine.arguments)
    }
}

/// What came of starting the process that is to take this one's place.
enum UpgradeOutcome: Sendable, Equatable {
    /// It serves.
    ///
    /// - `process`: its id.
    /// - `unclaimed`: descriptors that it has not taken.
    case serving(process: Int32, unclaimed: Set<Int32>)
    /// It has ended, for these reasons.
    case failed([String], isConfiguration: Bool)
}

/// The process that is to take this one's place, from its start until it serves or has ended.
final class Upgrade: Sendable {
    /// The child of this process. The one that serves may be a child of that one.
    let process: Int32
    private let channel: UpgradeChannel
    private let thread = Locked<Thread?>(nil)

    /// For it to serve: it may wait for a second for memory and addresses, and reads files.
    static let patience = Duration.seconds(45)
    /// For it to end after it has said why.
    private static let endPatience = Duration.seconds(5)
    private static let pause = Duration.milliseconds(10)
    /// Reasons that it may give.
    fileprivate static let reasonsMax = 100
    /// EX_CONFIG of sysexits.h.
    private static let configurationStatus: Int32 = 78
    /// What is about this process alone.
    private static let variablesRemoved = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]

    struct Failure: Error {
        let reason: String
    }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - patience: for it to serve.
    ///   - ended: told once, on another thread.
    init(
        _ program: UpgradeProgram, _ handover: Handover, patience: Duration = Upgrade.patience,
        ended: @escaping @Sendable (UpgradeOutcome) -> Void
    ) throws(Failure) {
        var ends: [2 of Int32] = [-1, -1]
        let made = withUnsafeMutablePointer(to: &ends) { ends in
            ends.withMemoryRebound(to: Int32.self, capacity: 2) { linux_socket_pair($0) }
        }
        guard made >= 0 else { throw Failure(reason: systemErrorText(-made)) }
        defer { linux_close(ends[1]) }
        guard let interruption = Interruption.ifPossible() else {
            linux_close(ends[0])
            throw Failure(reason: "descriptors are short")
        }
        channel = UpgradeChannel(ends[0], interruption)
        process = Self.spawn(program, channel: ends[1], handover.descriptors)
        guard process > 0 else { throw Failure(reason: "cannot start \(program.path): \(systemErrorText(-process))") }
        let watcher = Thread.startIfPossible(name: "upgrade") { [channel, process] in
            ended(Self.outcome(of: process, over: channel, handover, patience))
        }
        guard let watcher else {
            linux_end_child(process)
            throw Failure(reason: "there is no room for a thread")
        }
        thread.withLock { $0 = watcher }
    }

    private static func spawn(_ program: UpgradeProgram, channel: Int32, _ descriptors: [Int32]) -> Int32 {
        let arguments = program.arguments.map { strdup($0) }
        let removed = variablesRemoved.map { strdup($0) }
        defer { for pointer in arguments + removed { free(pointer) } }
        let kept = descriptors + [channel]
        return linux_spawn(
            program.path, arguments + [nil], "\(Inheritance.variable)=\(channel):\(getpid())",
            removed.map { UnsafePointer($0) } + [nil], kept, kept.count)
    }

    private static func outcome(
        of process: Int32, over channel: UpgradeChannel, _ handover: Handover, _ patience: Duration
    ) -> UpgradeOutcome {
        let deadline = Instant.current() + patience
        channel.say(handover.lines)
        var news = News(process: process)
        while true {
            switch channel.hear(until: deadline) {
            case .line("serving"):
                // Its own child, if it has one, is the system's from now on.
                if news.process != process { linux_end_child(process) }
                return .serving(process: news.process, unclaimed: news.unclaimed)
            case .line("failed"), .end: return failure(of: process, news)
            case .line(let line): news.note(line)
            case .late:
                end(process, news)
                let seconds = patience.components.seconds
                return .failed(["the new process does not serve after \(seconds) s"], isConfiguration: false)
            case .interrupted:
                end(process, news)
                return .failed(["the server is ending"], isConfiguration: false)
            }
        }
    }

    /// What the new process has told.
    private struct News {
        /// The one that is to serve.
        var process: Int32
        var unclaimed: Set<Int32> = []
        var reasons: [String] = []

        mutating func note(_ line: String) {
            if line.hasPrefix("process "), let number = Int32(line.dropFirst(8)), number > 1 {
                process = number
            } else if line.hasPrefix("unclaimed ") {
                unclaimed = Set(line.dropFirst(10).split(separator: ",").compactMap { Int32($0) })
            } else if line.hasPrefix("problem "), reasons.count < Upgrade.reasonsMax {
                reasons.append(String(line.dropFirst(8)))
            }
        }
    }

    /// The child waits for its own, which therefore lives or has not been waited for: the number is nobody else's.
    private static func end(_ process: Int32, _ news: News) {
        if news.process != process { kill(news.process, SIGKILL) }
        linux_end_child(process)
    }

    private static func failure(of process: Int32, _ news: News) -> UpgradeOutcome {
        let reasons = news.reasons
        let deadline = Instant.current() + endPatience
        var status: Int32 = 0
        while linux_child_ended(process, &status) == 0 {
            guard Instant.current() < deadline else {
                end(process, news)
                return .failed(reasons + ["the new process does not speak, and was ended"], isConfiguration: false)
            }
            usleep(UInt32(pause.components.attoseconds / 1_000_000_000_000))
        }
        let how = status > 128 ? "by signal \(status - 128)" : "with status \(status)"
        return .failed(
            reasons.isEmpty ? ["the new process has ended \(how)"] : reasons,
            isConfiguration: status == configurationStatus)
    }

    /// Tells it that the service manager listens to it now.
    func sayMain() {
        channel.say(["main"])
    }

    /// Waits for the thread, which has told its outcome.
    func join() {
        thread.withLock { $0.take() }?.join()
    }

    /// Ends it, if it does not serve yet, and waits for its end.
    func abandon() {
        channel.interrupt()
        join()
    }
}
