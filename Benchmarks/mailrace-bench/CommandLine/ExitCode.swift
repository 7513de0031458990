import Glibc

/// How the process ends, in the terms of sysexits.h.
enum ExitCode: Int32 {
    case success = 0
    /// Mail was lost, damaged or refused, or sessions failed.
    case failure = 1
    /// The command line is wrong.
    case usage = 64
    /// Something that is needed is not there: io_uring, an address, a file.
    case unavailable = 69
}

/// Lines for the person, or the script, that started the process.
enum Terminal {
    static func writeOutput(_ text: String) { write(text, to: STDOUT_FILENO) }

    static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

    /// All of `text`, as far as anyone reads it.
    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
