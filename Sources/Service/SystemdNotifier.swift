import CSystemd
import Ring

/// Tells the service manager how the process is, where there is one (sd_notify(3)).
///
/// Any thread may tell.
public struct SystemdNotifier: Sendable {
    private let send: @Sendable (String) -> Void
    /// How often the manager wants to hear that the process makes progress; nil where it does not.
    let watchdogLimit: Duration?

    /// The manager that the environment names. To be asked before there are other threads.
    public static func ofEnvironment() -> SystemdNotifier {
        let limit = systemd_watchdog_us()
        let microseconds = Int64(clamping: limit)
        return SystemdNotifier(watchdogLimit: limit > 0 ? .microseconds(microseconds) : nil) { lines in
            _ = systemd_notify(lines)
        }
    }

    /// Nobody is told.
    public static let silent = SystemdNotifier(watchdogLimit: nil) { _ in }

    /// - Parameter send: gets what is told, lines of `NAME=VALUE` without the last line end.
    init(watchdogLimit: Duration?, send: @escaping @Sendable (String) -> Void) {
        self.watchdogLimit = watchdogLimit
        self.send = send
    }

    /// What can be told.
    enum Message: Equatable {
        /// It serves; also after a reload.
        case ready
        /// A reload has begun.
        case reloading(Instant)
        /// It is about to end, by a drain perhaps.
        case stopping
        /// One line for `systemctl status`.
        case status(String)
        /// It goes on; the manager waits for so long from now on, at least.
        case extend(Duration)
        case watchdog
        /// Another process serves in its place.
        case mainProcess(Int32)
        /// A start that failed, with the system's error number.
        case failure(errno: Int32)

        fileprivate var lines: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)"
            case .stopping: "STOPPING=1"
            case .status(let text): "STATUS=\(SystemdNotifier.short(text))"
            case .extend(let duration): "EXTEND_TIMEOUT_USEC=\(duration.components.seconds * 1_000_000)"
            case .watchdog: "WATCHDOG=1"
            case .mainProcess(let number): "MAINPID=\(number)"
            case .failure(let errno): "ERRNO=\(errno)"
            }
        }
    }

    /// Bytes of a status: the manager takes no datagram of more than 4096.
    static let statusBytesMax = 1000

    /// Its lines in one, cut where there are too many of them.
    private static func short(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: "; ")
        guard line.utf8.count > statusBytesMax else { return line }
        var cut = ""
        for character in line {
            guard cut.utf8.count + character.utf8.count <= statusBytesMax - 4 else { break }
            cut.append(character)
        }
        return cut + " ..."
    }

    /// All of it in one datagram.
    func tell(_ messages: Message...) {
        send(messages.map(\.lines).joined(separator: "\n"))
    }

    /// Tells why the process is about to end without having served.
    ///
    /// - Parameter errno: the system's error number; 0 where it has none.
    public func tellFailure(_ reason: String, errno: Int32) {
        tell(.status(reason), .failure(errno: errno))
    }
}
