import Glibc
import Ring
import Wire

/// A file of passwords for all shards, read again when it has changed. Its methods block: they are for `Offload`.
public final class PasswordStore: Sendable {
    /// The largest file, in bytes.
    public static let fileLimitBytes = 16 << 20

    /// What tells one content of the file from another.
    private struct Mark: Equatable {
        let device: UInt
        let inode: UInt
        let bytes: Int
        let times: [Int]

        init(_ status: stat) {
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            bytes = Int(status.st_size)
            times = [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
        }
    }

    private struct State {
        /// Of the file that was read last, whether or not it could be used.
        var mark: Mark?
        var file: PasswordFile?
        /// What was told last.
        var problem: String?
    }

    private final class Holder: Sendable {
        let state = Locked(State())
    }

    private let path: String
    private let holder = Holder()
    private let report: @Sendable (String) -> Void

    /// - Parameter report: gets what is wrong with the file, once for each time it changes. Without secrets; from any
    ///   thread.
    public init(_ path: String, report: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.report = report
    }

    /// What is wrong with the file at `path`; nil where it can be used. Blocks.
    public static func problem(with path: String) -> String? {
        var state = State()
        return refresh(&state, path)
    }

    /// What the file says now. Where it cannot be read, what it said before is gone on with: a slip of the editor must
    /// not shut everybody out. Nil where there was nothing before.
    func current() -> PasswordFile? {
        var told: String?
        let file = holder.state.withLock { state -> PasswordFile? in
            let problem = Self.refresh(&state, path)
            if let problem, problem != state.problem { told = problem }
            state.problem = problem
            return state.file
        }
        if let told { report("\(path): \(told)") }
        return file
    }

    /// Reads the file where it is another than before; what is wrong with it.
    private static func refresh(_ state: inout State, _ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return forget(&state, systemErrorText(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return forget(&state, systemErrorText(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return forget(&state, "not a regular file") }
        let mark = Mark(status)
        guard mark != state.mark else { return state.problem }
        guard mark.bytes <= fileLimitBytes else { return forget(&state, "more than \(fileLimitBytes >> 20) MiB") }
        guard var text = read(descriptor, count: mark.bytes) else { return forget(&state, "changing while it is read") }
        defer { text.wipe() }
        state.mark = mark
        do throws(PasswordFile.Problem) {
            state.file = try PasswordFile(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func forget(_ state: inout State, _ problem: String) -> String {
        state.mark = nil
        return problem
    }

    /// Exactly `count` bytes, behind which the file ends.
    private static func read(_ descriptor: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count + 1)
        var length = 0
        while length < bytes.count {
            let result = bytes.withUnsafeMutableBytes { bytes in
                Glibc.read(descriptor, bytes.baseAddress! + length, bytes.count - length)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { return nil }
            if result == 0 { break }
            length += result
        }
        bytes.removeLast()
        return length == count ? bytes : nil
    }
}
