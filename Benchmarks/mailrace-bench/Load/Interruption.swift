import CLinux
import Glibc
import Ring
import Synchronization

/// Ends a run before its time: what has begun goes on to the end of the message, and the report is made as ever.
final class Interruption: Sendable {
    private let isAskedFor = Atomic<Bool>(false)

    var isOver: Bool { isAskedFor.load(ordering: .relaxed) }

    func ask() { isAskedFor.store(true, ordering: .relaxed) }

    /// From now on the first SIGINT asks; any other signal, and a second one, ends the process.
    func watchSignals() {
        linux_block_signals()
        _ = Thread.start(name: "signals") {
            if linux_wait_signal() == SIGINT {
                self.ask()
                _ = linux_wait_signal()
            }
            exit(ExitCode.failure.rawValue)
        }
    }
}
