import CLinux
import Glibc

/// A joinable thread of the operating system.
public final class Thread: Sendable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private init(_ handle: pthread_t) {
        self.handle = handle
    }

    /// Starts a thread that runs `body`.
    ///
    /// - Parameter name: shown by `top -H`; cut to the kernel's 15 bytes.
    /// - Returns: the thread, to be joined; `nil` where the system has no room for another thread (EAGAIN).
    public static func startIfPossible(name: String, _ body: @escaping @Sendable () -> Void) -> Thread? {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                linux_name_thread(String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            return nil
        }
        return Thread(handle)
    }

    /// As `startIfPossible`; ends the process, saying so, where there is no room. For the handful of threads made at
    /// start.
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Thread {
        guard let thread = startIfPossible(name: name, body) else {
            let reason = "no room for the thread '\(name)'. Raise the limit (systemd: TasksMax=, LimitNPROC=)\n"
            _ = reason.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
            _exit(unavailable)
        }
        return thread
    }

    /// EX_UNAVAILABLE of sysexits.h.
    private static let unavailable: Int32 = 69

    /// Waits until the thread has ended. Once.
    public func join() {
        pthread_join(handle, nil)
    }

    /// Waits until the thread has ended, but no longer than `patience`. Once.
    ///
    /// - Returns: false where it goes on; it ends with the process then.
    public func join(within patience: Duration) -> Bool {
        linux_join_within(UInt64(handle), patience.wholeNanoseconds) == 0
    }

    /// Lets go of a thread that nobody will join: the system takes back what it has once it ends.
    public func detach() {
        pthread_detach(handle)
    }
}
