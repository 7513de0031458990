import Glibc
import Ring
import Synchronization

/// Where a view is drawn again and again, and the signals that end it.
///
/// A thread of its own waits for these: neither a reader that has stopped nor an endpoint that does not answer can keep
/// the program from ending, and a terminal is left as it was found.
final class Canvas: Sendable {
    private let isTerminal: Bool
    /// The terminal shows the other screen.
    private let isOpen = Atomic(false)
    private let isDrawing = Atomic(false)
    /// Nothing is drawn any more, or not for now.
    private let isHeld = Atomic(false)

    /// How long a signal waits for what is being drawn to be whole.
    private static let drawingMilliseconds = 200

    /// - Parameter isTerminal: the view has a screen of its own.
    init(isTerminal: Bool) {
        self.isTerminal = isTerminal
    }

    /// From here on signals end the program. To be called before it starts another thread.
    func takeSignals() {
        let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT] + (isTerminal ? [SIGTSTP] : [])
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = Thread.start(name: "signals") { [signals] in
            var signals = signals
            while true {
                var number: Int32 = 0
                guard sigwait(&signals, &number) == 0 else { continue }
                number == SIGTSTP ? self.pause() : self.end()
            }
        }
    }

    /// Draws, unless a signal is being answered.
    ///
    /// - Returns: the system's error number where that cannot be done; nil where it was.
    func draw(_ text: () -> String) -> Int32? {
        isDrawing.store(true, ordering: .sequentiallyConsistent)
        defer { isDrawing.store(false, ordering: .sequentiallyConsistent) }
        guard !isHeld.load(ordering: .sequentiallyConsistent) else { return nil }
        let begins = isTerminal && !isOpen.load(ordering: .relaxed)
        isOpen.store(isTerminal, ordering: .relaxed)
        let errno = Terminal.writeOutput((begins ? Screen.begin : "") + text())
        return errno == 0 ? nil : errno
    }

    /// How the program ends that cannot draw.
    func ended(by errno: Int32) -> ExitCode {
        close()
        guard errno != EPIPE else { return .success }
        Terminal.writeError("mailrace: the output cannot be written: \(systemErrorText(errno))\n")
        return .output
    }

    private func close() {
        if isOpen.exchange(false, ordering: .relaxed) { _ = Terminal.writeOutput(Screen.end) }
    }

    // MARK: On the thread of the signals

    /// - Returns: false where nobody takes what is being drawn.
    private func hold() -> Bool {
        isHeld.store(true, ordering: .sequentiallyConsistent)
        for _ in 0..<Self.drawingMilliseconds {
            if !isDrawing.load(ordering: .sequentiallyConsistent) { return true }
            usleep(1000)
        }
        return false
    }

    private func end() {
        if hold() { close() }
        _exit(ExitCode.success.rawValue)
    }

    private func pause() {
        if hold() { close() }
        kill(getpid(), SIGSTOP)
        isHeld.store(false, ordering: .sequentiallyConsistent)
    }
}
