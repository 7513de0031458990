import CLinux
import Glibc
import Ring
import Synchronization

/// What a run has done so far, counted by its shards and shown once a second on a terminal.
final class Progress: Sendable {
    private let sessions = Atomic<Int>(0)
    private let messages = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)

    func noteSession() { sessions.add(1, ordering: .relaxed) }

    /// - Parameter length: of the message's body, in bytes.
    func noteMessage(_ length: Int) {
        messages.add(1, ordering: .relaxed)
        bytes.add(length, ordering: .relaxed)
    }

    func noteFailure() { failures.add(1, ordering: .relaxed) }

    /// The counts at one moment.
    struct Moment: Equatable {
        var sessions = 0
        var messages = 0
        var bytes = 0
        var failures = 0
        var seconds = 0.0

        /// What has been done in all, and how fast it went since an earlier moment.
        func line(since earlier: Moment) -> String {
            let elapsed = max(seconds - earlier.seconds, 1e-3)
            let rate = { (count: Int) in Int((Double(count) / elapsed).rounded()) }
            let mebibytes = (Double(bytes - earlier.bytes) / elapsed / 1_048_576).rounded(toDigits: 1)
            let failed = failures > 0 ? ", \(failures) failed" : ""
            return "\(Int(seconds.rounded())) s: \(sessions) sessions, \(messages) messages\(failed); "
                + "\(rate(sessions - earlier.sessions)) sessions/s, \(rate(messages - earlier.messages)) messages/s, "
                + "\(mebibytes) MiB/s"
        }
    }

    func moment(seconds: Double) -> Moment {
        Moment(
            sessions: sessions.load(ordering: .relaxed), messages: messages.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed), failures: failures.load(ordering: .relaxed), seconds: seconds)
    }
}

/// The line on standard error that tells how far a run is, on a thread of its own.
final class ProgressLine: Sendable {
    private let thread: Thread
    private let ending: Int32

    private static let periodMilliseconds: Int32 = 1_000

    /// Nil where standard error is no terminal.
    init?(_ progress: Progress, title: String) {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        let ending = linux_eventfd()
        guard ending >= 0 else { return nil }
        self.ending = ending
        thread = Thread.start(name: "progress") { Self.show(progress, title, until: ending) }
    }

    /// Takes the line away.
    func end() {
        _ = linux_eventfd_signal(ending)
        thread.join()
        linux_close(ending)
    }

    private static func show(_ progress: Progress, _ title: String, until ending: Int32) {
        let begin = Instant.current()
        var earlier = Progress.Moment()
        let eraseLine = "\r\u{1b}[K"
        while true {
            var waiting = pollfd(fd: ending, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, periodMilliseconds) > 0 { break }
            let now = progress.moment(seconds: Double(Instant.current().nanoseconds(since: begin)) / 1e9)
            Terminal.writeError(eraseLine + title + now.line(since: earlier))
            earlier = now
        }
        Terminal.writeError(eraseLine)
    }
}
