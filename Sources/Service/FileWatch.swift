import Glibc
import Ring

/// Looks at files every two seconds, on a thread of its own, and tells when one of them is another than before.
///
/// A look is one stat(2) a file, by its name: so it sees what inotify(7) does not, as a directory or a symbolic link on
/// the way that has been replaced, or a file system of the network.
final class FileWatch: Sendable {
    /// What tells one content of a file from another: which file it is, how long, when it was written to or changed in
    /// its mode or owner.
    private struct Mark: Equatable {
        let device: UInt
        let inode: UInt
        let bytes: Int
        let written: [Int]
        let changed: [Int]

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            bytes = Int(status.st_size)
            written = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        }
    }

    private final class Paths: Sendable {
        let list = Locked<[String]>([])
    }

    private let paths = Paths()
    private let interruption = Interruption()
    private let thread: Thread

    static let interval = Duration.seconds(2)

    /// - Parameters:
    ///   - interval: between two looks.
    ///   - changed: told on the thread; true where it wants to be told at the next look, too. Whatever was written
    ///     before the first look at new files may have come too late for whoever has read them, so that look tells of
    ///     a change always.
    init(interval: Duration = FileWatch.interval, changed: @escaping @Sendable () -> Bool) {
        thread = Thread.start(name: "files") { [paths, interruption] in
            var seen: [String: Mark?] = [:]
            var isToTellAgain = false
            while interruption.wait(until: .current() + interval) != .interrupted {
                let now = paths.list.withLock { $0 }.map { ($0, Mark($0)) }
                let marks = Dictionary(now) { first, _ in first }
                if marks != seen || isToTellAgain, !marks.isEmpty { isToTellAgain = changed() }
                seen = marks
            }
        }
    }

    /// From the next look on, looks at these files.
    func look(after paths: [String]) {
        self.paths.list.withLock { $0 = paths }
    }

    /// Ends the thread. Once.
    func end() {
        interruption.interrupt()
        thread.join()
    }
}
