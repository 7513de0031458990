import Glibc

/// Where log lines go: the standard error, or a file that is appended to.
struct LogFile: Sendable {
    private let path: String?
    private var descriptor: Int32

    /// The standard error, which stays open.
    init() {
        path = nil
        descriptor = STDERR_FILENO
    }

    /// The file, made with mode 0640 if it is not there.
    init(path: String) throws(Log.OpenError) {
        self.path = path
        descriptor = try Self.open(path)
    }

    /// Ends the use of it. The standard error stays open.
    func close() {
        if path != nil { Glibc.close(descriptor) }
    }

    /// Opens the file again by its name, after it was moved away. If that fails the old one stays in use.
    mutating func reopen() throws(Log.OpenError) {
        guard let path else { return }
        let reopened = try Self.open(path)
        close()
        descriptor = reopened
    }

    /// Writes all of it, waiting where the other end is slow. False if it cannot be written.
    func write(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if written >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                } else if errno == EAGAIN {
                    // A pipe that is full; or somebody who shares the standard error made it non-blocking.
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }

    private static func open(_ path: String) throws(Log.OpenError) -> Int32 {
        // A pipe that nobody reads is refused (ENXIO), not waited for.
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = Glibc.open(path, flags, 0o640)
        guard descriptor >= 0 else { throw Log.OpenError(path: path, code: errno) }
        return descriptor
    }
}
