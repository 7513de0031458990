import Glibc
import Testing

/// A file of SQLite that goes with this; made by SQLite's own program.
final class SQLiteFile: Sendable {
    let path = "/tmp/mailrace-sqlite-\(UInt64.random(in: 0 ..< .max))"

    init(_ commands: String) throws { try run(commands) }

    deinit { for ending in ["", "-wal", "-shm", "-journal"] { unlink(path + ending) } }

    /// Has commands carried out by a process of their own.
    func run(_ commands: String) throws {
        var arguments: [UnsafeMutablePointer<CChar>?] = []
        for argument in ["sqlite3", "-bail", path, commands] { arguments.append(strdup(argument)) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        try #require(posix_spawnp(&process, "sqlite3", nil, nil, arguments, environ) == 0)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { try #require(errno == EINTR) }
        try #require(status == 0)
    }
}
