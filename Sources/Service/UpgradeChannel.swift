import CLinux
import Glibc
import Ring

/// What the two processes of an upgrade say to each other: lines that end with LF, over a pair of sockets.
///
/// The former process says what it leaves (`Handover`), then `end`. The next one says which `process` it is, and then
/// `serving`, after `unclaimed` where there is something that it does not take, or lines of `problem` and `failed`. At
/// last the former one says `main`: the service manager has been told of the next one. The channel's end is the end of
/// the process. Words that a process does not know it passes over.
final class UpgradeChannel: Sendable {
    private let descriptor: Int32
    private let interruption: Interruption
    private let unread = Locked<[UInt8]>([])

    /// Bytes of one line: a listener has a socket a shard.
    static let lineBytesMax = 1 << 16
    private static let patience = Duration.seconds(10)

    enum Heard: Equatable {
        case line(String)
        /// The other process has ended, or what it says is no line.
        case end
        case late
        case interrupted
    }

    /// Takes the descriptor over.
    init(_ descriptor: Int32, _ interruption: Interruption = Interruption()) {
        self.descriptor = descriptor
        self.interruption = interruption
    }

    deinit { linux_close(descriptor) }

    /// Ends all waiting.
    func interrupt() {
        interruption.interrupt()
    }

    /// Says lines; false where nobody hears them.
    @discardableResult
    func say(_ lines: [String]) -> Bool {
        let text = lines.map { $0.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n" }.joined()
        return ControlConnection(descriptor, interruption).write(text, within: Self.patience)
    }

    /// The next line, without its end.
    func hear(until deadline: Instant) -> Heard {
        while true {
            if let line = nextLine() { return .line(line) }
            switch interruption.wait(for: descriptor, until: deadline) {
            case .late: return .late
            case .interrupted: return .interrupted
            case .ready: if !readMore() { return .end }
            }
        }
    }

    private func nextLine() -> String? {
        unread.withLock { unread in
            guard let end = unread.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            defer { unread.removeFirst(end + 1) }
            return String(decoding: unread[..<end], as: UTF8.self)
        }
    }

    private func readMore() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EINTR || errno == EAGAIN { return true }
        guard count > 0 else { return false }
        let bytes = Array(chunk[..<count])
        return unread.withLock { unread in
            unread += bytes
            return unread.count <= Self.lineBytesMax
        }
    }
}
