import Testing
import Wire

@Suite struct CredentialFilterTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let lines: [String]
        let shown: [String]
        var testDescription: String { lines.map(visible).joined(separator: " | ") }

        /// One that is shown as it is.
        static func open(_ line: String) -> Case { Case(lines: [line + "\r\n"], shown: [line]) }
        static func closed(_ line: String, _ shown: String) -> Case { Case(lines: [line + "\r\n"], shown: [shown]) }
    }

    private static let secret = "AHVzZXIAc2VjcmV0"

    static let cases: [Case] = [
        .open("EHLO client.example"), .open("MAIL FROM:<a@b> AUTH=<c>"), .open("GET / HTTP/1.1"), .open(""),
        .open("AUT PLAIN"), .open("AUTH"), .open("AUTH PLAIN"), .closed("auth cram-md5", "AUTH cram-md5"),
        .open("AUTH LOGIN"),
        .closed("AUTH PLAIN \(secret)", "AUTH PLAIN [redacted]"),
        .closed("auth plain \(secret)", "AUTH plain [redacted]"),
        .closed("AUTH PLAIN  \(secret)  ", "AUTH PLAIN [redacted]"),
        .closed("AUTH PLAIN ", "AUTH PLAIN"), .closed("AUTH  ", "AUTH"),
        .closed("AUTH LOGIN \(secret) \(secret)", "AUTH LOGIN [redacted]"),
        .closed("AUTH XOAUTH2 \(secret)", "AUTH XOAUTH2 [redacted]"),
        // No mechanism that is known, or not where it belongs.
        .closed("AUTH \(secret)", "AUTH [redacted]"), .closed("AUTH  PLAIN \(secret)", "AUTH [redacted]"),
        .closed("AUTH\tPLAIN \(secret)", "AUTH [redacted]"), .closed("AUTH=PLAIN \(secret)", "AUTH [redacted]"),
        .closed("AUTHPLAIN \(secret)", "AUTH [redacted]"), .closed("AUTH PLAIN\(secret)", "AUTH [redacted]"),
        .closed("AUTH PLAIN\t\(secret)", "AUTH [redacted]"),
        .closed(" AUTH PLAIN \(secret)", "AUTH PLAIN [redacted]"),
        .closed("\0\t\u{7f}auTh PLAIN \(secret)", "AUTH PLAIN [redacted]"),
        // What is behind a line end is not shown at all.
        .closed("NOOP\rAUTH PLAIN \(secret)", "NOOP"), .closed("NOOP\nAUTH PLAIN \(secret)", "NOOP"),
        .closed("AUTH PLAIN\r\n\(secret)", "AUTH PLAIN"),
        // Answers that nobody asked for.
        Case(
            lines: [
                "AUTH LOGIN\r\n", "dXNlcg==\r\n", "c2VjcmV0\r\n", "*\r\n", "\r\n", "EHLO c\r\n", "mail FROM:<>\r\n",
            ],
            shown: ["AUTH LOGIN", "[redacted]", "[redacted]", "[redacted]", "[redacted]", "EHLO c", "mail FROM:<>"]),
        Case(lines: ["WHAT x\r\n", "AUTH x\r\n", "WHAT x\r\n"], shown: ["WHAT x", "AUTH [redacted]", "[redacted]"]),
    ]

    @Test(arguments: cases) func leavesOutWhatMayBeAPassword(_ one: Case) {
        var filter = CredentialFilter()
        #expect(one.lines.map { String(decoding: filter.shown(Array($0.utf8)), as: UTF8.self) } == one.shown)
    }

    /// What was dropped may have been AUTH.
    @Test func behindALineThatNobodyHasSeenOnlyCommandsAreShown() {
        var filter = CredentialFilter()
        filter.noteUnseenLine()
        let shown = ["\(Self.secret)\r\n", "NOOP x\r\n", "*\r\n"].map { filter.shown(Array($0.utf8)) }
        #expect(shown.map { String(decoding: $0, as: UTF8.self) } == ["[redacted]", "NOOP x", "[redacted]"])
    }

    /// Whatever stands before AUTH and behind it.
    @Test func noByteLetsAPasswordThrough() {
        let secret = Array(Self.secret.utf8)
        for byte in UInt8.min...UInt8.max {
            for line in [
                Array("AUTH".utf8) + [byte] + secret, Array("AUTH PLAIN".utf8) + [byte] + secret,
                Array("AUTH PLAIN ".utf8) + [byte] + secret,
            ] {
                var filter = CredentialFilter()
                let shown = filter.shown(line)
                #expect(!String(decoding: shown, as: UTF8.self).contains(Self.secret), "byte \(byte)")
            }
        }
    }
}
