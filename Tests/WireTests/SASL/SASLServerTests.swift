import Testing
import Wire

@Suite struct SASLServerTests {
    struct Exchange: Sendable, CustomTestStringConvertible {
        let mechanism: SASLMechanism
        var initial: String?
        var lines: [String] = []
        let steps: [String]
        var testDescription: String {
            visible("\(mechanism) " + ([initial ?? "-"] + lines).joined(separator: " | "))
        }
    }

    private static let userPrompt = "334 VXNlcm5hbWU6"
    private static let passwordPrompt = "334 UGFzc3dvcmQ6"
    private static let challenge = "<1896.697170952@postoffice.reston.mci.net>"
    private static let digest = "b913a602c7eda7a495b4e6e7334d3890"

    static let exchanges: [Exchange] = [
        Exchange(
            mechanism: .plain, initial: base64("\0tim\0tanstaaftanstaaf"),
            steps: ["PLAIN tim/ password tanstaaftanstaaf"]),
        Exchange(
            mechanism: .plain, initial: base64("Ursel\0Kurt\0xipj3plmq"),
            steps: ["PLAIN Kurt/Ursel password xipj3plmq"]),
        Exchange(
            mechanism: .plain, lines: [base64("\0tim\0pass word") + "\r\n"],
            steps: ["334 ", "PLAIN tim/ password pass word"]),
        Exchange(
            mechanism: .login, lines: [base64("tim") + "\r\n", base64("tanstaaf") + "\r\n"],
            steps: [userPrompt, passwordPrompt, "LOGIN tim/ password tanstaaf"]),
        Exchange(
            mechanism: .login, initial: base64("tim"), lines: [base64("tanstaaf")],
            steps: [passwordPrompt, "LOGIN tim/ password tanstaaf"]),
        Exchange(
            mechanism: .cramMD5, lines: [base64("tim \(digest)")],
            steps: ["334 " + base64(challenge), "CRAM-MD5 tim/ digest \(digest) of \(challenge)"]),
        Exchange(
            mechanism: .cramMD5, lines: [base64("tim t \(digest)")],
            steps: ["334 " + base64(challenge), "CRAM-MD5 tim t/ digest \(digest) of \(challenge)"]),
        Exchange(mechanism: .external, initial: "=", steps: ["EXTERNAL / certificate"]),
        Exchange(mechanism: .external, initial: base64("fred"), steps: ["EXTERNAL /fred certificate"]),
        Exchange(mechanism: .external, lines: ["\r\n"], steps: ["334 ", "EXTERNAL / certificate"]),
        Exchange(
            mechanism: .xoauth2, initial: base64("user=a@b\u{1}auth=Bearer ya29.x~/+=\u{1}\u{1}"),
            steps: ["XOAUTH2 a@b/ token ya29.x~/+="]),
        Exchange(
            mechanism: .oauthbearer,
            initial: base64("n,a=a=2Cb=3D@c,\u{1}host=h\u{1}port=587\u{1}auth=Bearer tok\u{1}\u{1}"),
            steps: ["OAUTHBEARER a,b=@c/ token tok"]),
        Exchange(
            mechanism: .oauthbearer, lines: [base64("n,,\u{1}auth=bearer  tok\u{1}\u{1}")],
            steps: ["334 ", "OAUTHBEARER / token tok"]),
    ]

    @Test("An exchange ends with the credentials", arguments: exchanges)
    func exchange(_ exchange: Exchange) {
        #expect(SASLServer.steps(exchange.mechanism, exchange.initial, exchange.lines) == exchange.steps)
    }

    struct Failure: Sendable, CustomTestStringConvertible {
        let mechanism: SASLMechanism
        var initial: String?
        var lines: [String] = []
        var error = SASLError.malformed
        var testDescription: String {
            visible("\(mechanism) " + ([initial ?? "-"] + lines).joined(separator: " | "))
        }

        static func message(_ mechanism: SASLMechanism, _ message: String) -> Failure {
            Failure(mechanism: mechanism, lines: [base64(message)])
        }
    }

    static let failures: [Failure] = [
        Failure(mechanism: .cramMD5, initial: base64("tim \(digest)"), error: .unexpectedInitialResponse),
        Failure(mechanism: .cramMD5, initial: "=", error: .unexpectedInitialResponse),
        Failure(mechanism: .plain, initial: "Zm9", error: .notBase64),
        Failure(mechanism: .plain, lines: ["="], error: .notBase64),
        Failure(mechanism: .plain, lines: [" AHQAcA=="], error: .notBase64),
        Failure(mechanism: .login, lines: ["dGlt", "dGlt dGlt"], error: .notBase64),
        Failure(mechanism: .login, lines: ["dGlt", "**"], error: .notBase64),
        Failure(mechanism: .plain, initial: "*", error: .cancelled),
        Failure(mechanism: .login, lines: ["*\r\n"], error: .cancelled),
        Failure(mechanism: .login, lines: ["dGlt", "*"], error: .cancelled),
        Failure(mechanism: .plain, lines: [repeated("A", 12_288)], error: .malformed),
        Failure(mechanism: .plain, lines: [repeated("A", 12_289)], error: .tooLong),
        Failure(mechanism: .login, lines: [repeated("A", 65_536)], error: .tooLong),
        Failure(mechanism: .plain, initial: repeated("A", 12_292), error: .tooLong),
        Failure(mechanism: .login, lines: ["\r\n"]), Failure(mechanism: .login, lines: ["dGlt", ""]),
        Failure(mechanism: .login, initial: "="), .message(.login, repeated("u", 256)), .message(.login, "a\r\nb"),
        .message(.plain, ""), .message(.plain, "tim"), .message(.plain, "\0tim"), .message(.plain, "\0tim\0"),
        .message(.plain, "\0\0pass"), .message(.plain, "\0tim\0pass\0"), .message(.plain, "a\0b\0c\0d"),
        .message(.plain, "\0tim\npass\0p"), .message(.plain, "\0tim\0pa\rss"), .message(.plain, "a\r\0tim\0pass"),
        .message(.plain, repeated("a", 256) + "\0tim\0pass"), .message(.plain, "\0" + repeated("a", 256) + "\0pass"),
        .message(.cramMD5, ""), .message(.cramMD5, "tim"), .message(.cramMD5, " \(digest)"),
        .message(.cramMD5, "tim  \(digest.dropLast())"), .message(.cramMD5, "tim \(digest)0"),
        .message(.cramMD5, "tim \(digest.uppercased())"), .message(.cramMD5, "tim \(digest.dropLast())g"),
        .message(.cramMD5, "t\0m \(digest)"), .message(.external, "a\0"), .message(.external, repeated("a", 256)),
        .message(.xoauth2, ""), .message(.xoauth2, "user=a\u{1}\u{1}"), .message(.xoauth2, "auth=Bearer t\u{1}\u{1}"),
        .message(.xoauth2, "user=\u{1}auth=Bearer t\u{1}\u{1}"), .message(.xoauth2, "user=a\u{1}auth=Bearer t\u{1}"),
        .message(.xoauth2, "user=a\u{1}auth=Basic t\u{1}\u{1}"),
        .message(.xoauth2, "user=a\u{1}auth=Bearer \u{1}\u{1}"),
        .message(.xoauth2, "user=a\u{1}auth=Bearer t u\u{1}\u{1}"),
        .message(.xoauth2, "user=a\u{1}auth=Bearer t\u{1}auth=Bearer u\u{1}\u{1}"),
        .message(.xoauth2, "user=a\u{1}auth=Bearer t\u{1}\u{1}x"),
        .message(.xoauth2, "user=a\nb\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.xoauth2, "user=a" + repeated("\u{1}x", 16) + "\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, ""), .message(.oauthbearer, "n,,"), .message(.oauthbearer, "n,,\u{1}\u{1}"),
        .message(.oauthbearer, "p=tls,,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,b=x,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,a=,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,a=x=2D,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,a=x=2,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,a=x=00,\u{1}auth=Bearer t\u{1}\u{1}"),
        .message(.oauthbearer, "n,,auth=Bearer t\u{1}\u{1}"), .message(.oauthbearer, "n,a=x"),
    ]

    @Test("What is no such message ends the exchange, once and for all", arguments: failures)
    func failure(_ failure: Failure) {
        let again = [base64("\0tim\0pass"), "*", ""]
        let steps = SASLServer.steps(failure.mechanism, failure.initial, failure.lines + again)
        #expect(steps.dropLast(again.count).last == "\(failure.error)")
        #expect(steps.suffix(again.count).allSatisfy { $0 == "\(SASLError.malformed)" })
        #expect(!steps.dropLast().contains { $0.contains("tim") })
    }

    @Test("A message that is cut anywhere is no credentials of another", arguments: exchanges)
    func truncation(_ exchange: Exchange) {
        guard exchange.mechanism != .external, let last = exchange.lines.last ?? exchange.initial else { return }
        let whole = exchange.steps.last ?? ""
        for cut in 0..<last.utf8.count {
            let part = String(decoding: bytes(last).prefix(cut), as: UTF8.self)
            let steps =
                exchange.lines.isEmpty
                ? SASLServer.steps(exchange.mechanism, part)
                : SASLServer.steps(exchange.mechanism, exchange.initial, exchange.lines.dropLast() + [part])
            // Only a password and a line end may be shorter.
            let isShorter = [.plain, .login].contains(exchange.mechanism) && whole.hasPrefix(steps.last ?? "-")
            let isError = ["\(SASLError.malformed)", "\(SASLError.notBase64)"].contains(steps.last)
            #expect(isShorter || isError || steps.last == whole && part.hasSuffix("\r") == false)
        }
    }

    @Test(
        "A token that is refused is acknowledged before the refusal", arguments: [SASLMechanism.xoauth2, .oauthbearer])
    func refusedTokens(_ mechanism: SASLMechanism) {
        let message =
            mechanism == .xoauth2 ? "user=a\u{1}auth=Bearer t\u{1}\u{1}" : "n,a=a,\u{1}auth=Bearer t\u{1}\u{1}"
        for reason in [nil, #"{"status":"401"}"#, repeated("x", 20_000)] as [String?] {
            for answer in ["", "AQ==", "*", repeated("x", 9_999)] {
                var server = SASLServer(mechanism)
                _ = server.begin(base64(message))
                let challenge = server.refuse(reason: reason.map(bytes)).shown
                #expect(challenge.utf8.count <= SASLServer.lineLimitBytes - 2)
                let isGiven = reason.map { $0.utf8.count < 9_000 } ?? false
                #expect(isGiven == (challenge == "334 " + base64(reason ?? "")))
                #expect(
                    decoded(String(challenge.dropFirst(4)))?.shown.hasPrefix("{\"status\":")
                        == true)
                #expect(server.next(answer).shown == "\(SASLError.refused)")
                #expect(server.refuse().shown == "\(SASLError.refused)")
            }
        }
    }

    @Test("Other credentials that are refused are so at once", arguments: [SASLMechanism.plain, .login, .external])
    func refusedAtOnce(_ mechanism: SASLMechanism) {
        var server = SASLServer(mechanism)
        _ = server.begin(mechanism == .plain ? base64("\0u\0p") : base64("u"))
        if mechanism == .login { _ = server.next(base64("p")) }
        #expect(server.refuse(reason: bytes("{}")).shown == "\(SASLError.refused)")
    }

    @Test(
        arguments: [
            ("AUTH PLAIN", .plain, nil), ("auth plain AHQAcA==", .plain, "AHQAcA=="),
            ("AUTH  LOGIN   dGlt \t", .login, "dGlt"),
            ("AUTH EXTERNAL =", .external, "="), ("AUTH CRAM-MD5\r\n", .cramMD5, nil),
            ("AUTH oauthbearer", .oauthbearer, nil),
            ("AUTH GSSAPI", nil, nil), ("AUTH PLAINS x", nil, "x"), ("AUTH plai", nil, nil),
        ] as [(Text, SASLMechanism?, String?)])
    func authCommands(_ line: Text, _ mechanism: SASLMechanism?, _ initial: String?) throws {
        let line = bytes(line.string)
        let command = try #require(authCommand(line))
        #expect(command.mechanism == mechanism)
        #expect(command.initialResponse.map { String(decoding: line[$0], as: UTF8.self) } == initial)
    }

    @Test(arguments: ["AUTH", "AUTH ", "AUTH \r\n", "AUTH PLAIN a b", "AUTH PLAIN\tx", "AUTH\tPLAIN", "AUTH PLAIN a\0"])
    func noAuthCommands(_ line: Text) {
        #expect(authCommand(bytes(line.string)) == nil)
    }

    @Test func aChallengeIsAMessageIdentifier() {
        let challenge = SASLServer.challenge(random: .max, seconds: 12, host: "mx.example")
        #expect(challenge == bytes("<18446744073709551615.12@mx.example>"))
    }

    @Test(
        arguments: [
            (.tooLong, "500 5.5.6"), (.cancelled, "501 5.7.0"), (.notBase64, "501 5.5.2"), (.malformed, "501 5.5.2"),
            (.unexpectedInitialResponse, "501 5.7.0"), (.refused, "535 5.7.8"),
        ] as [(SASLError, String)]) func everyErrorHasAReply(_ error: SASLError, _ start: String)
    {
        let line = error.reply.rendered(enhanced: true, sessionID: nil)
        #expect(String(decoding: line, as: UTF8.self).hasPrefix(start + " "))
        #expect(!"\(error)".isEmpty)
    }
}
