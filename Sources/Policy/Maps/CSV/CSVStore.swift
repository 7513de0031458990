import Glibc
import Ring

/// A file of routes for all shards, read again when it has changed.
public final class CSVStore: Sendable {
    /// The largest file, in bytes.
    public static let fileLimitBytes = 1 << 30

    private struct State {
        /// Of the file that was read last, whether or not it could be used.
        var mark: FileMark?
        var table: CSVTable?
        /// What was told last.
        var problem: String?
    }

    private final class Holder: Sendable {
        let state = Locked(State())
    }

    public let path: String
    public let rules: CSVRules
    private let holder = Holder()

    public init(_ path: String, _ rules: CSVRules) {
        self.path = path
        self.rules = rules
    }

    /// What the file said when it could be used last; nil where it never could.
    var current: CSVTable? { holder.state.withLock { $0.table } }

    /// How many keys it has.
    public var count: Int { current?.count ?? 0 }
    /// What is doubtful about the file.
    public var doubts: [String] { current?.doubts ?? [] }

    /// What is wrong with the file, as it was when it was looked at last; nil where it could be used.
    public var problem: String? { holder.state.withLock { $0.problem } }

    /// Reads the file where it is another than before. Blocks; one thread at a time.
    ///
    /// What cannot be used is as if it had not been written: routes stay as they were.
    ///
    /// - Returns: whether there is something new: other routes, or another problem.
    @discardableResult
    public func refresh() -> Bool {
        let former = holder.state.withLock { $0.mark }
        do throws(Failure) {
            guard let (mark, table) = try Self.read(path, rules, unless: former) else { return false }
            holder.state.withLock { state in
                state.mark = mark
                state.table = table
                state.problem = nil
            }
            return true
        } catch {
            return holder.state.withLock { state in
                let isNew = state.problem != error.text || error.mark != state.mark
                state.mark = error.mark
                state.problem = error.text
                return isNew
            }
        }
    }

    private struct Failure: Error {
        /// Of a file that was read to no avail: it need not be read another time.
        var mark: FileMark?
        let text: String
    }

    /// Nil where it is the file of `former`.
    private static func read(
        _ path: String, _ rules: CSVRules, unless former: FileMark?
    ) throws(Failure) -> (FileMark, CSVTable)? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Failure(text: systemErrorText(errno)) }
        defer { close(descriptor) }
        guard let mark = FileMark(descriptor) else { throw Failure(text: systemErrorText(errno)) }
        guard mark.isRegular else { throw Failure(text: "not a regular file") }
        guard mark != former else { return nil }
        guard mark.bytes <= fileLimitBytes else {
            throw Failure(mark: mark, text: "more than \(fileLimitBytes >> 30) GiB")
        }
        var builder = CSVBuilder(rules, expectedBytes: mark.bytes)
        do throws(CSVProblem) {
            guard try fill(&builder, from: descriptor) else { throw CSVProblem(line: 0, text: systemErrorText(errno)) }
        } catch {
            throw Failure(mark: mark, text: error.line == 0 ? error.text : error.description)
        }
        guard FileMark(descriptor) == mark else { throw Failure(text: "changing while it is read") }
        return (mark, CSVTable(builder))
    }

    /// False where the system cannot read it.
    private static func fill(_ builder: inout CSVBuilder, from descriptor: Int32) throws(CSVProblem) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return false }
            guard count > 0 else { break }
            try builder.add(chunk.span.extracting(0..<count))
        }
        try builder.finish()
        return true
    }
}

/// What tells one content of a file from another.
struct FileMark: Equatable {
    private let device: UInt
    private let inode: UInt
    private let times: [Int]
    let bytes: Int
    let isRegular: Bool

    /// Nil where the system does not say; errno then does why.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        bytes = Int(status.st_size)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        times = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}
