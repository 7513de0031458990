import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// CRAM-MD5 with a challenge of Dovecot's.
@Suite struct DovecotChallengeTests {
    private static func base64(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return String(decoding: Base64.encoded(bytes.span), as: UTF8.self)
    }

    private static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

    private static let begins = "AUTH\t1\tCRAM-MD5\t\(DovecotPeer.facts)"
    private static let challenge = "<1.2@dovecot>"
    private static let digest = String(repeating: "0", count: 32)

    private static func signed(_ challenge: [UInt8]) -> Credentials? {
        Credentials(
            mechanism: .cramMD5, user: Array("joe".utf8), proof: .digest(secret(digest), challenge: challenge))
    }

    @Test func theChallengeIsItsOwn() async throws {
        let answer = try await askingDovecot([
            DovecotPeer.dialogue([
                (Self.begins, "CONT\t1\t\(Self.base64(Self.challenge))"),
                ("CONT\t1\t\(Self.base64("joe \(Self.digest)"))", "OK\t1\tuser=joe"),
            ])
        ]) { _, authenticator in
            guard
                case .given(let challenge) = await authenticator.challenge(
                    for: .cramMD5, sessionFacts(), cancellation: Cancellation())
            else { return "no challenge" }
            return await authenticator.answer(Self.signed(challenge.bytes))
        }
        #expect(answer == "accepted joe")
    }

    @Test func aChallengeThatNobodyAnswersIsForgotten() async throws {
        let answers = try await askingDovecot([
            DovecotPeer.dialogue([
                (Self.begins, "CONT\t1\t\(Self.base64(Self.challenge))"), ("CANCEL\t1", ""),
                ("AUTH\t2\tPLAIN\t\(DovecotPeer.facts)\tresp=\(Self.base64("\0joe\0pw"))", "OK\t2"),
            ])
        ]) { _, authenticator in
            [
                await authenticator.challenge,
                await authenticator.answer(Self.signed(Array(Self.challenge.utf8))),
                await authenticator.answer(.plain("joe", "pw")),
            ]
        }
        #expect(
            answers == [
                Self.challenge, "454: the connection that the challenge came by is gone", "accepted joe",
            ])
    }

    @Test(arguments: ["FAIL\t1\ttemp", "CONT\t1\t", "OK\t1\tuser=joe"])
    func withoutAChallengeNobodyDecides(line: String) async throws {
        let answer = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.begins + "\n")
                try peer.send(line + "\n")
                _ = try peer.readToEnd()
            }
        ]) { _, authenticator in await authenticator.challenge }
        #expect(answer == "454: it makes no challenge")
    }

    @Test func aChallengeWhoseConnectionDiesIsNoDecision() async throws {
        let peer = try DovecotPeer([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.begins + "\n")
                try peer.send("CONT\t1\t\(Self.base64(Self.challenge))\n")
                try peer.expect("CONT\t1\t\(Self.base64("joe \(Self.digest)"))\n")
            }
        ])
        let answer = try await askingDovecot(at: peer.address) { _, authenticator in
            guard
                case .given(let challenge) = await authenticator.challenge(
                    for: .cramMD5, sessionFacts(), cancellation: Cancellation())
            else { return "no challenge" }
            return await authenticator.answer(Self.signed(challenge.bytes))
        }
        #expect(answer == "454: \(peer.address): closed by the peer")
        #expect(peer.finish() == [])
    }

    /// The user gives up while Dovecot, too, loses its patience.
    @Test func itMayRefuseBeforeTheClientAnswers() async throws {
        let answer = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.begins + "\n")
                try peer.send("CONT\t1\t\(Self.base64(Self.challenge))\nFAIL\t1\n")
                _ = try peer.readToEnd()
            }
        ]) { _, authenticator in
            guard
                case .given(let challenge) = await authenticator.challenge(
                    for: .cramMD5, sessionFacts(), cancellation: Cancellation())
            else { return "454: it makes no challenge" }
            return await authenticator.answer(Self.signed(challenge.bytes))
        }
        // Whether the challenge was seen before the refusal came.
        let expected = ["454: it makes no challenge", "refused 535 5.7.8 Authentication credentials invalid"]
        #expect(expected.contains(answer))
    }
}
