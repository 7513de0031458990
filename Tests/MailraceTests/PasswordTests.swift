import Glibc
import Policy
import Testing

@testable import mailrace

/// `mailrace password`, in a process of its own: it writes to its streams.
@Suite(.serialized) struct PasswordTests {
    /// A descriptor from which the text can be read.
    private static func pipe(holding text: String) -> Int32 {
        var ends: [Int32] = [0, 0]
        _ = Glibc.pipe(&ends)
        _ = text.withCString { write(ends[1], $0, strlen($0)) }
        close(ends[1])
        return ends[0]
    }

    private func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    @Test func aLineIsWritten() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let options = Options(command: .password, user: "joe@example.com")
            exit(Password.run(options, input: Self.pipe(holding: "correct horse\nmore\n")).rawValue)
        }
        let line = text(ended?.standardOutputContent)
        #expect(line.hasPrefix("joe@example.com:$y$") && line.hasSuffix("\n"))
    }

    @Test func aHashAloneIsWritten() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            exit(Password.run(Options(command: .password), input: Self.pipe(holding: "pw")).rawValue)
        }
        let said = text(ended?.standardOutputContent)
        #expect(said.hasPrefix("$y$"))
    }

    @Test func anotherMethodCanBeNamed() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let options = Options(command: .password, user: "joe", method: .argon2id)
            exit(Password.run(options, input: Self.pipe(holding: "pw")).rawValue)
        }
        let line = text(ended?.standardOutputContent)
        #expect(line.hasPrefix("joe:$argon2id$v=19$m=65536,t=3,p=1$") && line.hasSuffix("\n"))
    }

    @Test func anEmptyPasswordIsNone() async {
        let ended = await #expect(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            exit(Password.run(Options(command: .password), input: Self.pipe(holding: "\n")).rawValue)
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("mailrace: the password is empty"))
    }

    @Test func whatIsNoUserIsRefused() async {
        await #expect(processExitsWith: .exitCode(64)) {
            exit(Password.run(Options(command: .password, user: "#joe"), input: Self.pipe(holding: "pw\n")).rawValue)
        }
    }
}
