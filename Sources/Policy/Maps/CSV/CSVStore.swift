import Glibc
import Ring

/// A file of routes for all shards, read again when it has changed.
public final class CSVStore: Sendable {
    /// The largest file, in bytes.
    public static let fileLimitBytes = 1 << 30

    fileprivate struct State {
        /// Of the file that was read last, whether or not it could be used.
        var mark: FileMark?
        var table: CSVTable?
        /// What was told last.
        var problem: String?
        /// How often the file has been read.
        var readings = 0
        /// Looks that came to nothing since, as somebody was writing to it.
        var postponed = 0
    }

    /// What has come of a look at the file.
    public enum Look: Sendable {
        case same
        /// There are other routes, or another problem.
        case new
        /// Somebody is writing to it: it is to be looked at again soon.
        case later
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
    /// There are routes, whatever is wrong with the file now.
    public var hasRoutes: Bool { current != nil }

    /// How many keys it has.
    public var count: Int { current?.count ?? 0 }
    /// What is doubtful about the file.
    public var doubts: [String] { current?.doubts ?? [] }

    /// What is wrong with the file, as it was when it was looked at last; nil where it could be used.
    public var problem: String? { holder.state.withLock { $0.problem } }

    /// Looks at the file, and reads it where it is another than before and nobody has written to it for a second: half
    /// of a file that is written in place can look like a whole one. Blocks.
    public func look() -> Look {
        var status = stat()
        let isThere = stat(path, &status) == 0
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let seconds = Double(now.tv_sec - status.st_mtim.tv_sec)
        let age = seconds + Double(now.tv_nsec - status.st_mtim.tv_nsec) / 1e9
        let isBeingWritten = isThere && age >= 0 && age < Self.stillSeconds
        let mustWait = holder.state.withLock { state in
            guard isBeingWritten, state.table != nil, state.postponed < Self.postponedMax else {
                state.postponed = 0
                return false
            }
            state.postponed += 1
            return true
        }
        return mustWait ? .later : refresh() ? .new : .same
    }

    /// Without being written to a file is whole after these.
    private static let stillSeconds = 1.0
    /// Looks after which a file that is always written to is read all the same.
    private static let postponedMax = 5

    /// Reads the file where it is another than before. Blocks.
    ///
    /// What cannot be used is as if it had not been written: routes stay as they were.
    ///
    /// - Returns: whether there is something new: other routes, or another problem.
    @discardableResult
    public func refresh() -> Bool {
        while true {
            let (former, number) = holder.state.withLock { ($0.mark, $0.readings) }
            let outcome: Result<(FileMark, CSVTable)?, Failure>
            do throws(Failure) { outcome = .success(try Self.read(path, rules, unless: former)) } catch {
                outcome = .failure(error)
            }
            // Another thread may have read what is newer: then this is done again.
            let isNew = holder.state.withLock { $0.readings == number ? $0.take(outcome) : nil }
            if let isNew { return isNew }
        }
    }

    fileprivate struct Failure: Error {
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
            // Another time it may be readable.
            guard try fill(&builder, from: descriptor) else { throw CSVProblem(line: 0, text: systemErrorText(errno)) }
        } catch {
            throw error.line == 0 ? Failure(text: error.text) : Failure(mark: mark, text: error.description)
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

extension CSVStore.State {
    /// - Parameter outcome: of reading the file; nil where it is the same as before.
    /// - Returns: whether there is something new.
    fileprivate mutating func take(_ outcome: Result<(FileMark, CSVTable)?, CSVStore.Failure>) -> Bool {
        switch outcome {
        case .success(nil): return false
        case .success(.some((let mark, let table))):
            (self.mark, self.table, problem) = (mark, table, nil)
            readings += 1
            return true
        case .failure(let failure):
            let isNew = problem != failure.text || failure.mark != mark
            (mark, problem) = (failure.mark, failure.text)
            readings += 1
            return isNew
        }
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
