import Glibc
import Ring

/// How the process ends, in the terms of sysexits.h.
enum ExitCode: Int32 {
    case success = 0
    /// Nothing is known of what was asked for.
    case unknown = 1
    /// The command line is wrong.
    case usage = 64
    /// Something that is needed is not there: io_uring, an address to listen on.
    case unavailable = 69
    /// What was asked for cannot be written.
    case output = 74
    /// Nobody could say just now.
    case temporary = 75
    /// Told to stop a second time: sessions were cut off (128 + SIGTERM).
    case stopped = 143
    /// The configuration is wrong.
    case configuration = 78
}

/// Lines for the person who started the process.
enum Terminal {
    /// - Returns: the system's error number; 0 where all was written.
    @discardableResult
    static func writeOutput(_ text: String) -> Int32 {
        write(text, to: STDOUT_FILENO)
    }

    /// What somebody has asked for, and relies on. Who reads no more does not want it.
    static func show(_ text: String) -> ExitCode {
        let errno = writeOutput(text)
        guard errno != 0, errno != EPIPE else { return .success }
        writeError("mailrace: the output cannot be written: \(systemErrorText(errno))\n")
        return .output
    }

    static func writeError(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// All of `text`, as far as anyone reads it.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }
}
