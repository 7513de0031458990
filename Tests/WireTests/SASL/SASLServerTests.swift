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
}
