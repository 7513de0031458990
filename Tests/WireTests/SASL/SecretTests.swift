import Testing
import Wire

@Suite struct SecretTests {
    private let credentials = Credentials(
        mechanism: .plain, user: bytes("user\u{1b}"), proof: .password(Secret(copying: bytes("s3cret"))))!

    @Test func nothingPrintsASecret() {
        let secret = Secret(copying: bytes("s3cret"))
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(secret, to: &dumped)
        dump(credentials.proof, to: &dumped)
        var step = ""
        dump(SASLServer.Step.credentials(credentials), to: &step)
        for text in [
            "\(secret)", "\(credentials)", "\(credentials.proof)", String(reflecting: secret), dumped, step,
            String(reflecting: credentials), String(reflecting: credentials.proof), "\([secret])",
        ] {
            #expect(!text.contains("s3cret") && !text.contains("115") && text.contains("redacted") || text == dumped)
            #expect(!text.contains("s3cret"))
        }
        #expect("\(credentials)" == "PLAIN user\\x1B [redacted]")
    }

    @Test func whatIsWipedIsZeros() {
        var bytes = bytes("s3cret")
        let start = bytes.withUnsafeBytes { $0.baseAddress! }
        bytes.wipe()
        #expect(bytes.isEmpty && bytes.capacity >= 6)
        withExtendedLifetime(bytes) {
            #expect((0..<6).allSatisfy { start.load(fromByteOffset: $0, as: UInt8.self) == 0 })
        }
        var nothing: [UInt8] = []
        nothing.wipe()
        #expect(nothing.isEmpty)
    }

    @Test(arguments: ["", "a", "s3cret", "s3creT", "S3cret", "s3cret1"]) func isComparedWhole(_ other: String) {
        #expect(Secret(copying: bytes("s3cret")).isSame(bytes(other)) == (other == "s3cret"))
    }

    @Test func ownsItsBytes() {
        var source = bytes("s3cret")
        let secret = Secret(source.span)
        let part = Secret(source.span, in: 1..<3)
        source.wipe()
        var copy = bytes("x")
        secret.append(to: &copy)
        #expect(copy == bytes("xs3cret") && part.shown == "3c" && secret.count == 6 && !secret.isEmpty)
        #expect(Secret(copying: []).isEmpty)
    }

    @Test(arguments: ["", "a\0", "a\r", "a\n", "\0"]) func passwordsHoldNoLineEnd(_ password: Text) {
        let proof = Credentials.Proof.password(Secret(copying: bytes(password.string)))
        #expect(Credentials(mechanism: .plain, user: bytes("u"), proof: proof) == nil)
    }

    @Test(arguments: ["", "a b", "å", "a\u{7f}", Text(repeated("t", 8_193))]) func noTokens(_ token: Text) {
        let proof = Credentials.Proof.token(Secret(copying: bytes(token.string)))
        #expect(Credentials(mechanism: .xoauth2, user: bytes("u"), proof: proof) == nil)
    }

    @Test(arguments: ["\0", "a\rb", "a\n", Text(repeated("u", 256))]) func noIdentities(_ name: Text) {
        #expect(Credentials(mechanism: .external, user: bytes(name.string), proof: .certificate) == nil)
        #expect(
            Credentials(
                mechanism: .external, user: [], authorisationIdentity: bytes(name.string), proof: .certificate) == nil)
    }
}
