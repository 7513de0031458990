import Lookup
import Policy
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

/// What Dovecot's auth service is asked, and what is made of what it answers.
@Suite struct DovecotAuthenticatorTests {
    private static func base64(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return String(decoding: Base64.encoded(bytes.span), as: UTF8.self)
    }

    private static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

    private static let plain = "AUTH\t1\tPLAIN\t\(DovecotPeer.facts)\tresp=\(base64("\0joe\0pw"))"

    // MARK: Mechanisms

    private static func token(_ mechanism: SASLMechanism, _ user: String, _ token: String = "t0k") -> Credentials {
        Credentials(mechanism: mechanism, user: Array(user.utf8), proof: .token(secret(token)))!
    }

    private static let dialogues: [(Credentials, lines: [(String, String)], outcome: String)] = [
        (.plain("joe", "pw"), [(plain, "OK\t1\tuser=joe@example.com\tacl")], "accepted joe@example.com"),
        // Whichever way a password has come.
        (
            Credentials(mechanism: .login, user: Array("joe".utf8), proof: .password(secret("pw")))!,
            [(plain, "OK\t1")], "accepted joe"
        ),
        (
            Credentials(
                mechanism: .plain, user: Array("joe".utf8), authorisationIdentity: Array("jim".utf8),
                proof: .password(secret("pw")))!,
            [
                (
                    "AUTH\t1\tPLAIN\t\(DovecotPeer.facts)\tresp=\(base64("jim\0joe\0pw"))",
                    "OK\t1\tuser=jim\toriginal_user=joe"
                )
            ], "accepted jim"
        ),
        (
            token(.xoauth2, "joe"),
            [
                (
                    "AUTH\t1\tXOAUTH2\t\(DovecotPeer.facts)\tresp=\(base64("user=joe\u{1}auth=Bearer t0k\u{1}\u{1}"))",
                    "OK\t1\tuser=joe"
                )
            ], "accepted joe"
        ),
        (
            token(.oauthbearer, "j,o=e"),
            [
                (
                    "AUTH\t1\tOAUTHBEARER\t\(DovecotPeer.facts)"
                        + "\tresp=\(base64("n,a=j=2Co=3De,\u{1}auth=Bearer t0k\u{1}\u{1}"))", "OK\t1\tuser=joe"
                )
            ], "accepted joe"
        ),
        // What is wrong with a token comes in a challenge, or, from later versions, with the refusal.
        (
            token(.xoauth2, "joe"),
            [
                (
                    "AUTH\t1\tXOAUTH2\t\(DovecotPeer.facts)\tresp=\(base64("user=joe\u{1}auth=Bearer t0k\u{1}\u{1}"))",
                    "CONT\t1\t\(base64("{\"status\":\"401\"}"))"
                ),
                ("CONT\t1\t", "FAIL\t1\tuser=joe"),
            ], "refused 535 5.7.8 Authentication credentials invalid {\"status\":\"401\"}"
        ),
        (
            token(.oauthbearer, ""),
            [
                (
                    "AUTH\t1\tOAUTHBEARER\t\(DovecotPeer.facts)\tresp=\(base64("n,,\u{1}auth=Bearer t0k\u{1}\u{1}"))",
                    "FAIL\t1\tresp=\(base64("{\"status\":\"invalid_token\"}"))"
                )
            ], "refused 535 5.7.8 Authentication credentials invalid {\"status\":\"invalid_token\"}"
        ),
        (
            Credentials(mechanism: .external, user: [], proof: .certificate)!,
            [("AUTH\t1\tEXTERNAL\t\(DovecotPeer.facts)\tresp=", "OK\t1\tuser=joe")], "accepted joe"
        ),
    ]

    @Test(arguments: dialogues.indices) func itIsAskedByTheMechanism(_ index: Int) async throws {
        let (credentials, lines, outcome) = Self.dialogues[index]
        let answer = try await askingDovecot([DovecotPeer.dialogue(lines)]) { _, authenticator in
            await authenticator.answer(credentials)
        }
        #expect(answer == outcome)
    }

    @Test func whereThereIsNoPlainItIsAskedByLogin() async throws {
        let answer = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer, "VERSION\t1\t2\nMECH\tLOGIN\tplaintext\nDONE\n")
                try peer.expect("AUTH\t1\tLOGIN\t\(DovecotPeer.facts)\n")
                try peer.send("CONT\t1\t\(Self.base64("Username:"))\n")
                try peer.expect("CONT\t1\t\(Self.base64("joe"))\n")
                try peer.send("CONT\t1\t\(Self.base64("Password:"))\n")
                try peer.expect("CONT\t1\t\(Self.base64("pw"))\n")
                try peer.send("OK\t1\tuser=joe\n")
                try peer.expectEnd()
            }
        ]) { _, authenticator in await authenticator.answer(.plain("joe", "pw")) }
        #expect(answer == "accepted joe")
    }

    @Test func whatIsNotOfferedIsNoDecision() async throws {
        let answers = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nDONE\n")
                try peer.expectEnd()
            }
        ]) { _, authenticator in
            [
                await authenticator.answer(Self.token(.xoauth2, "joe")), await authenticator.answer(nil),
                await authenticator.challenge,
            ]
        }
        #expect(
            answers == [
                "454: XOAUTH2 is not among its mechanisms", "refused 530 5.7.0 Authentication required",
                "454: CRAM-MD5 is not among its mechanisms",
            ])
    }

    @Test func itIsToldOfTLSAndOfTheCertificate() async throws {
        let verified = try tlsOfClient(authorities: TLSFile("root.pem", TestCertificates.root))
        let told =
            "\(DovecotPeer.facts)\tsecured=tls\tlocal_name=mx.example.com\tvalid-client-cert"
            + "\tcert_username=client.example.com"
        let answer = try await askingDovecot([
            DovecotPeer.dialogue([("AUTH\t1\tEXTERNAL\t\(told)\tresp=", "OK\t1\tuser=client.example.com")])
        ]) { _, authenticator in
            let facts = sessionFacts()
            facts.tls = ClientTLS(
                protocolVersion: "TLSv1.3", cipher: "x", serverName: "mx.example.com",
                verification: verified.verification, certificate: verified.certificate)
            return await authenticator.answer(
                Credentials(mechanism: .external, user: [], proof: .certificate), facts)
        }
        #expect(answer == "accepted client.example.com")
    }

    /// The longest token there may be fits into a line.
    @Test func aLongTokenIsAskedAbout() async throws {
        let long = String(repeating: "t", count: Credentials.tokenLimitBytes)
        let user = String(repeating: "u", count: Credentials.identityLimitBytes)
        let message = Self.base64("user=\(user)\u{1}auth=Bearer \(long)\u{1}\u{1}")
        let answer = try await askingDovecot([
            DovecotPeer.dialogue([("AUTH\t1\tXOAUTH2\t\(DovecotPeer.facts)\tresp=\(message)", "OK\t1")])
        ]) { _, authenticator in await authenticator.answer(Self.token(.xoauth2, user, long)) }
        #expect(answer == "accepted \(user)")
    }

    // MARK: Answers

    private static let answers: [(line: String, outcome: String)] = [
        ("OK\t1\tuser=joe\tpass=x\tproxy\thost=10.0.0.1\tnologin", "accepted joe"),
        ("OK\t1\tuser=joe\tnologin\treason=Not you", "refused 535 5.7.8 Not you"),
        ("OK\t1\tuser=", "454: the user that it names is none"),
        ("OK\t1\tuser=a\u{1}nb", "454: the user that it names is none"),
        ("FAIL\t1", "refused 535 5.7.8 Authentication credentials invalid"),
        ("FAIL\t1\tuser=joe\tuser_disabled", "refused 535 5.7.8 Authentication credentials invalid"),
        ("FAIL\t1\tuser=joe\treason=Account\u{1}tclosed", "refused 535 5.7.8 Account\\x09closed"),
        ("FAIL\t1\tuser=joe\ttemp", "454: it cannot say just now"),
        ("FAIL\t1\tcode=temp_fail\treason=LDAP is gone", "454: it cannot say just now: LDAP is gone"),
        ("FAIL\t1\tcode=user_disabled", "refused 535 5.7.8 Authentication credentials invalid"),
        ("FAIL\t9\nMECH\tNEW\n\nSPID\t1\nOK\t1", "accepted joe"),
        ("CONT\t1\t\nOK\t1", "454: it answers before it is asked"),
        ("OK", "454: it says what cannot be read"),
        ("OK\t", "454: it says what cannot be read"),
        ("OK\t4294967296", "454: it says what cannot be read"),
        ("FAIL\t-1", "454: it says what cannot be read"),
        ("CONT\t1\t*", "454: it says what cannot be read"),
        ("OK\t1" + String(repeating: "\tx", count: 257), "454: it says what cannot be read"),
        (String(repeating: "x", count: 16_384), "454: it says a line without an end"),
    ]

    @Test(arguments: answers.indices) func itsAnswerDecides(_ index: Int) async throws {
        let (line, outcome) = Self.answers[index]
        let answer = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.plain + "\n")
                try peer.send(line + "\n")
                _ = try peer.readToEnd()
            }
        ]) { _, authenticator in await authenticator.answer(.plain("joe", "pw")) }
        #expect(answer == outcome)
    }

    @Test func whatItSaysMayComeInPieces() async throws {
        let greeting = Array("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nDONE\n".utf8)
        let answer = Array("OK\t1\tuser=joe\n".utf8)
        for cut in 1..<max(greeting.count, answer.count) {
            let outcome = try await askingDovecot([
                { peer in
                    try peer.send(Array(greeting.prefix(cut)))
                    try DovecotPeer.takeGreeting(peer)
                    try peer.send(Array(greeting.dropFirst(cut)))
                    try peer.expect(Self.plain + "\n")
                    try peer.send(Array(answer.prefix(cut)))
                    try peer.send(Array(answer.dropFirst(cut)))
                    try peer.expectEnd()
                }
            ]) { _, authenticator in await authenticator.answer(.plain("joe", "pw")) }
            #expect(outcome == "accepted joe")
        }
    }

    // MARK: Failures

    private static let greetings: [(String, String)] = [
        ("220 mx ESMTP\r\n", "it does not greet as Dovecot's auth service does"),
        ("VERSION\t2\t0\nDONE\n", "it speaks version 2 of the protocol, not 1"),
        ("VERSION\n", "it does not greet as Dovecot's auth service does"),
        ("DONE\n", "it does not greet as Dovecot's auth service does"),
        ("VERSION\t1\t2\nOK\t1\tuser=joe\n", "it does not greet as Dovecot's auth service does"),
        ("VERSION\t1\t2\n" + String(repeating: "SPID\t1\n", count: 256), "the greeting has no end"),
        (String(repeating: "x", count: 16_384), "it says a line without an end"),
    ]

    @Test(arguments: greetings.indices) func anotherGreetingIsNone(_ index: Int) async throws {
        let (greeting, reason) = Self.greetings[index]
        let answer = try await askingDovecot([
            { peer in
                try peer.send(greeting)
                _ = try peer.readToEnd()
            }
        ]) { _, authenticator in await authenticator.answer(.plain("joe", "pw")) }
        #expect(answer == "454: \(reason)")
    }

    @Test func whereNobodyListensNobodyDecides() async throws {
        let address = try LoopbackServer.closedAddress()
        let answers = try await askingDovecot(at: address) { _, authenticator in
            [await authenticator.answer(.plain("joe", "pw")), await authenticator.answer(.plain("joe", "pw"))]
        }
        #expect(answers == Array(repeating: "454: \(address): Connection refused", count: 2))
    }

    @Test func aSocketThatIsNotThereIsNoDecision() async throws {
        let address = try #require(SocketAddress(unix: "/nonexistent/auth"))
        let answer = try await askingDovecot(at: address) { _, authenticator in
            await authenticator.answer(.plain("joe", "pw"))
        }
        #expect(answer == "454: \(address): No such file or directory")
    }

    @Test func whoDiesIsAskedAgainByTheNext() async throws {
        let peer = try DovecotPeer([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.plain + "\n")
            }, DovecotPeer.dialogue([(Self.plain.replacingID(2), "OK\t2")]),
        ])
        let answers = try await askingDovecot(at: peer.address) { _, authenticator in
            [await authenticator.answer(.plain("joe", "pw")), await authenticator.answer(.plain("joe", "pw"))]
        }
        #expect(answers == ["454: \(peer.address): closed by the peer", "accepted joe"])
        #expect(peer.finish() == [])
    }

    /// One that hangs is not asked again over the same connection: who has taken its place may answer.
    @Test func whoIsSilentIsNotWaitedFor() async throws {
        let answers = try await askingDovecot(
            [
                { peer in
                    try DovecotPeer.welcome(peer)
                    try peer.expect(Self.plain + "\n")
                    _ = try peer.readToEnd()
                }, DovecotPeer.dialogue([(Self.plain.replacingID(2), "OK\t2")]),
            ], timeout: .seconds(1)
        ) { _, authenticator in
            [await authenticator.answer(.plain("joe", "pw")), await authenticator.answer(.plain("joe", "pw"))]
        }
        #expect(answers == ["454: no answer in time", "accepted joe"])
    }

    @Test func whoIsSilentAboutOneIsAskedOn() async throws {
        let answers = try await askingDovecot(
            [
                { peer in
                    try DovecotPeer.welcome(peer)
                    try peer.expect(Self.plain + "\n")
                    try peer.send("OK\t17\n")
                    try peer.expect("CANCEL\t1\n")
                    try peer.send("OK\t1\n")
                    try peer.expect(Self.plain.replacingID(2) + "\n")
                    try peer.send("FAIL\t2\n")
                    try peer.expectEnd()
                }
            ], timeout: .seconds(1)
        ) { _, authenticator in
            [await authenticator.answer(.plain("joe", "pw")), await authenticator.answer(.plain("joe", "pw"))]
        }
        #expect(
            answers == ["454: no answer in time", "refused 535 5.7.8 Authentication credentials invalid"])
    }

    @Test func aSilentGreetingIsNotWaitedFor() async throws {
        let answer = try await askingDovecot([{ _ = try $0.readToEnd() }], timeout: .milliseconds(100)) {
            await $1.answer(.plain("joe", "pw"))
        }
        #expect(answer.hasPrefix("454: "))
    }

    @Test func theQuestionCanBeTakenBack() async throws {
        let isAsked = Locked(false)
        let answer = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer)
                try peer.expect(Self.plain + "\n")
                isAsked.withLock { $0 = true }
                try peer.expect("CANCEL\t1\n")
                try peer.send("OK\t1\n")
                try peer.expect(Self.plain.replacingID(2) + "\n")
                try peer.send("OK\t2\n")
                try peer.expectEnd()
            }
        ]) { shard, authenticator in
            let cancellation = Cancellation()
            shard.spawn {
                while !isAsked.withLock({ $0 }) { await shard.ring.sleep(until: shard.ring.now) }
                cancellation.cancel()
            }
            let attempt = AuthenticationAttempt(
                facts: sessionFacts(), credentials: .plain("joe", "pw"), cancellation: cancellation)
            let outcome = await authenticator.authenticate(attempt)
            return [outcome.summary, await authenticator.answer(.plain("joe", "pw"))]
        }
        #expect(answer == ["454: taken back", "accepted joe"])
    }

    @Test func manyShareAConnection() async throws {
        let count = 20
        let answers = try await askingDovecot([
            { peer in
                try DovecotPeer.welcome(peer)
                for number in 1...count {
                    let response = Self.base64("\0u\(number)\0pw")
                    try peer.expect("AUTH\t\(number)\tPLAIN\t\(DovecotPeer.facts)\tresp=\(response)\n")
                }
                for number in (1...count).reversed() { try peer.send("OK\t\(number)\tuser=U\(number)\n") }
                try peer.expectEnd()
            }
        ]) { shard, authenticator in
            var answers: [Int: String] = [:]
            let before = shard.liveTasks
            for number in 1...count {
                shard.spawn { answers[number] = await authenticator.answer(.plain("u\(number)", "pw")) }
            }
            while shard.liveTasks > before { await shard.ring.sleep(until: shard.ring.now) }
            return answers
        }
        #expect(answers.count == count)
        for (number, answer) in answers { #expect(answer == "accepted U\(number)") }
    }
}

extension String {
    /// The AUTH line of another request.
    fileprivate func replacingID(_ id: Int) -> String { "AUTH\t\(id)" + dropFirst("AUTH\t1".utf8.count) }
}
