import Glibc
import Policy
import Wire

/// `mailrace password`: reads a password and writes the line by which a file of passwords knows it.
enum Password {
    /// - Parameter input: read up to the end of its first line; a terminal is asked twice, and shows nothing.
    static func run(_ options: Options, input: Int32 = STDIN_FILENO) -> ExitCode {
        guard let password = isatty(input) == 1 ? asked(input) : line(of: input) else { return .usage }
        guard let hash = PasswordHash.make(password) else {
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
        var before = termios()
        tcgetattr(terminal, &before)
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(terminal, TCSAFLUSH, &silent)
        defer { tcsetattr(terminal, TCSAFLUSH, &before) }
        Terminal.writeError("Password: ")
        let first = line(of: terminal)
        Terminal.writeError("\nAgain: ")
        let second = line(of: terminal)
        Terminal.writeError("\n")
        guard second.withBytes({ first.isSame(as: $0) }) else {
            _ = refused("the two passwords differ")
            return nil
        }
        return first
    }

    /// Byte by byte: what stands behind the line is not ours.
    private static func line(of input: Int32) -> Secret {
        Secret(capacityBytes: PasswordHash.passwordLimitBytes + 1) { line in
            while line.freeCapacity > 0 {
                var byte: UInt8 = 0
                let count = read(input, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1, byte != UInt8(ascii: "\n") else { return }
                line.append(byte)
            }
        }
    }
}
