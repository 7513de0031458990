import Testing

@testable import mailrace_bench

@Suite struct CramMD5Tests {
    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// RFC 1321 appendix A.5.
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"), ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
        (String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"),
    ])
    func digestsAreThoseOfTheStandard(_ text: String, _ digest: String) {
        #expect(hexadecimal(MD5.digest(bytes(text))) == digest)
    }

    /// RFC 2202 section 2: a key of a block and more, and a short one.
    @Test func keysOfAnyLength() {
        let long = MD5.authenticated(
            bytes("Test Using Larger Than Block-Size Key - Hash Key First"), key: [UInt8](repeating: 0xaa, count: 80))
        #expect(hexadecimal(long) == "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd")
        let short = MD5.authenticated(bytes("what do ya want for nothing?"), key: bytes("Jefe"))
        #expect(hexadecimal(short) == "750c783e6ab0b503eaa86e310a5db738")
    }

    /// RFC 2195 section 2.
    @Test func theAnswerIsThatOfTheStandard() {
        let challenge = bytes("<1896.697170952@postoffice.reston.mci.net>")
        let response = CramMD5.response(to: challenge, user: "tim", password: "tanstaaftanstaaf")
        #expect(response == bytes("tim b913a602c7eda7a495b4e6e7334d3890"))
    }
}
