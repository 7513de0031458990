import Glibc
import Policy
import Wire

/// `mailrace password`: reads a password and writes the line by which a file of passwords knows it.
enum Password {
    /// - Parameter input: read up to the end of its first line; a terminal is asked twice, and shows nothing.
    static func run(_ options: Options, input: Int32 = STDIN_FILENO) -> ExitCode {
        guard let password = isatty(input) == 1 ? asked(input) : line(of: input) else { return .usage }
        guard let hash = PasswordHash.make(password, by: options.method) else {
            return refused(
                "the password is empty, longer than \(PasswordHash.passwordLimitBytes) bytes, or holds a NUL")
        }
        guard let user = options.user else { return Terminal.show(hash + "\n") }
        guard let line = PasswordHash.line(of: user, hash) else { return refused("'\(user)' cannot be a user's name") }
        return Terminal.show(line + "\n")
    }

    private static func refused(_ reason: String) -> ExitCode {
        Terminal.writeError("mailrace: \(reason)\n")
        return .usage
    }

    /// Nil where the two differ, which is said.
    private static func asked(_ terminal: Int32) -> Secret? {
        let silence = Silence(of: terminal)
        defer { silence.end() }
        Terminal.writeError("Password: ")
        let first = line(of: terminal, in: silence)
        Terminal.writeError("\nAgain: ")
        let second = line(of: terminal, in: silence)
        Terminal.writeError("\n")
        guard second.withBytes({ first.isSame(as: $0) }) else {
            _ = refused("the two passwords differ")
            return nil
        }
        return first
    }

    /// Byte by byte: what stands behind the line is not ours.
    private static func line(of input: Int32, in silence: Silence? = nil) -> Secret {
        Secret(capacityBytes: PasswordHash.passwordLimitBytes + 1) { line in
            while line.freeCapacity > 0 {
                var byte: UInt8 = 0
                silence?.waitForInput()
                let count = read(input, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1, byte != UInt8(ascii: "\n") else { return }
                line.append(byte)
            }
        }
    }
}

/// A terminal that does not show what is typed. Who interrupts the program, or stops it for a while, finds it as it
/// was.
private struct Silence {
    private let terminal: Int32
    private let before: termios
    private let signals: sigset_t

    /// How long a signal may wait while nobody types.
    private static let patienceMilliseconds: Int32 = 100

    init(of terminal: Int32) {
        self.terminal = terminal
        var before = termios()
        tcgetattr(terminal, &before)
        self.before = before
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP] { sigaddset(&signals, signal) }
        self.signals = signals
        begin()
    }

    private func begin() {
        var signals = signals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(terminal, TCSAFLUSH, &silent)
    }

    /// Signals that have come meanwhile are taken now.
    func end() {
        var before = before
        tcsetattr(terminal, TCSAFLUSH, &before)
        var signals = signals
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    func waitForInput() {
        while true {
            var watched = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, Self.patienceMilliseconds) <= 0 else { return }
            var pending = sigset_t()
            sigpending(&pending)
            guard [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP].contains(where: { sigismember(&pending, $0) == 1 }) else {
                continue
            }
            end()
            begin()
        }
    }
}
