import Glibc

/// How the process ends, in the terms of sysexits.h.
enum ExitCode: Int32 {
    case success = 0
    /// The command line is wrong.
    case usage = 64
    /// Something that is needed is not there: io_uring, an address to listen on.
    case unavailable = 69
    /// Told to stop a second time: sessions were cut off (128 + SIGTERM).
    case stopped = 143
    /// The configuration is wrong.
    case configuration = 78
}

/// Lines for the person who started the process.
enum Terminal {
    /// - Returns: false where nobody reads any more.
    @discardableResult
    static func writeOutput(_ text: String) -> Bool {
        write(text, to: STDOUT_FILENO)
    }

    static func writeError(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// All of `text`, as far as anyone reads it.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
