import Testing
import Wire

@Suite struct SASLClientTests {
    private func credentials(_ user: String, password: String, as identity: String = "") -> Credentials {
        Credentials(
            mechanism: .cramMD5, user: bytes(user), authorisationIdentity: bytes(identity),
            proof: .password(Secret(copying: bytes(password))))!
    }
    private func credentials(_ user: String, token: String) -> Credentials {
        Credentials(mechanism: .oauthbearer, user: bytes(user), proof: .token(Secret(copying: bytes(token))))!
    }

    /// What the client says to replies, and how it ends.
    private func dialogue(_ mechanism: SASLMechanism, _ credentials: Credentials, _ replies: [String]) throws
        -> [String]
    {
        var client = SASLClient(mechanism, credentials)
        var said = [client.begin().shown]
        for reply in replies {
            switch client.next(try #require(try Reply(reply + "\r\n"))) {
            case .send(let line): said.append(line.shown)
            case .succeeded: said.append("succeeded")
            case .refused(let reply): said.append("refused \(reply.code)")
            }
        }
        return said
    }

    @Test func plain() throws {
        let credentials = credentials("tim", password: "tanstaaf", as: "root")
        let message = base64("root\0tim\0tanstaaf")
        #expect(try dialogue(.plain, credentials, ["235 ok"]) == ["AUTH PLAIN \(message)\r\n", "succeeded"])
        #expect(try dialogue(.plain, credentials, ["535 no"]) == ["AUTH PLAIN \(message)\r\n", "refused 535"])
        #expect(
            try dialogue(.plain, credentials, ["334 more", "501 cancelled"])
                == ["AUTH PLAIN \(message)\r\n", "*\r\n", "refused 501"])
        #expect(try dialogue(.plain, credentials, ["334 ", "334 ", "334 "]).last == "refused 334")
    }

    /// The command line holds 512 bytes with its CRLF; what is longer waits for the challenge.
    @Test func longMessagesAreNoInitialResponse() throws {
        for length in [300, 369, 370, 371, 400, 2_000] {
            let password = repeated("p", length)
            let said = try dialogue(.plain, credentials("tim", password: password), ["334 ", "235 ok"])
            let message = base64("\0tim\0" + password)
            if "AUTH PLAIN \(message)\r\n".utf8.count <= 512 {
                #expect(said == ["AUTH PLAIN \(message)\r\n", "*\r\n", "succeeded"])
            } else {
                #expect(said == ["AUTH PLAIN\r\n", message + "\r\n", "succeeded"])
            }
        }
    }

    @Test func login() throws {
        let credentials = credentials("tim", password: "tanstaaf")
        #expect(
            try dialogue(.login, credentials, ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 ok"])
                == ["AUTH LOGIN\r\n", base64("tim") + "\r\n", base64("tanstaaf") + "\r\n", "succeeded"])
        #expect(try dialogue(.login, credentials, ["504 what"]) == ["AUTH LOGIN\r\n", "refused 504"])
        #expect(try dialogue(.login, credentials, ["334 ", "535 no"]).last == "refused 535")
        #expect(
            try dialogue(.login, credentials, ["334 ", "334 ", "334 ", "501 no"]).suffix(2) == ["*\r\n", "refused 501"])
    }

    @Test func xoauth2() throws {
        let message = base64("user=a@b\u{1}auth=Bearer tok\u{1}\u{1}")
        let credentials = credentials("a@b", token: "tok")
        #expect(try dialogue(.xoauth2, credentials, ["235 ok"]) == ["AUTH XOAUTH2 \(message)\r\n", "succeeded"])
        #expect(
            try dialogue(.xoauth2, credentials, ["334 eyJzIjoxfQ==", "535 no"])
                == ["AUTH XOAUTH2 \(message)\r\n", "\r\n", "refused 535"])
    }

    @Test func oauthbearer() throws {
        let message = base64("n,a=a@b,\u{1}auth=Bearer tok\u{1}\u{1}")
        let said = ["AUTH OAUTHBEARER \(message)\r\n"]
        #expect(try dialogue(.oauthbearer, credentials("a@b", token: "tok"), ["235 ok"]) == said + ["succeeded"])
        #expect(
            try dialogue(.oauthbearer, credentials("a@b", token: "tok"), ["334 eyJzIjoxfQ==", "535 no"])
                == said + ["AQ==\r\n", "refused 535"])
        let nobody = base64("n,,\u{1}auth=Bearer tok\u{1}\u{1}")
        #expect(
            try dialogue(.oauthbearer, credentials("", token: "tok"), []) == ["AUTH OAUTHBEARER \(nobody)\r\n"])
    }

    @Test func takesWhatTheUpstreamOffers() throws {
        let all = Set(SASLMechanism.allCases)
        let password = credentials("tim", password: "x")
        #expect(SASLClient.mechanism(for: password, offered: all) == .plain)
        #expect(SASLClient.mechanism(for: password, offered: [.login, .xoauth2]) == .login)
        #expect(SASLClient.mechanism(for: password, offered: [.cramMD5, .external]) == nil)
        let deputy = credentials("tim", password: "x", as: "root")
        #expect(SASLClient.mechanism(for: deputy, offered: [.login]) == nil)
        #expect(SASLClient.mechanism(for: credentials("tim", token: "x"), offered: all) == .oauthbearer)
        #expect(SASLClient.mechanism(for: credentials("tim", token: "x"), offered: [.xoauth2]) == .xoauth2)
        #expect(SASLClient.mechanism(for: credentials("", token: "x"), offered: [.xoauth2]) == nil)
        #expect(SASLClient.mechanism(for: credentials("tim", token: "x"), offered: [.plain]) == nil)
        let digest = Credentials.Proof.digest(Secret(copying: bytes(repeated("0", 32))), challenge: bytes("<1@a>"))
        for proof in [digest, .certificate] {
            let credentials = try #require(Credentials(mechanism: .external, user: bytes("u"), proof: proof))
            #expect(SASLClient.mechanism(for: credentials, offered: all) == nil)
        }
    }

    @Test(
        arguments: [
            ("250-mx\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE\r\n", [.plain, .login]),
            ("250-mx\r\n250-auth=login\r\n250 AUTH=X cram-md5\r\n", [.login, .cramMD5]),
            ("250-mx\r\n250 AUTH\r\n", []), ("250 AUTH PLAIN\r\n", []), ("250-mx\r\n250 AUTHX PLAIN\r\n", []),
            ("550-mx\r\n550 AUTH PLAIN\r\n", []), ("250-mx\r\n250 AUTH  XOAUTH2 PLAINS\r\n", [.xoauth2]),
        ] as [(Text, Set<SASLMechanism>)]) func readsWhatIsOffered(_ reply: Text, _ mechanisms: Set<SASLMechanism>)
        throws
    {
        #expect(try Reply(reply.string)?.offeredMechanisms == mechanisms)
    }

    /// What the client's side says, the server's side understands.
    @Test(arguments: [SASLMechanism.plain, .login, .xoauth2, .oauthbearer]) func bothSidesAgree(
        _ mechanism: SASLMechanism
    ) throws {
        for length in [1, 100, 400, 3_000] {
            let secret = repeated("s", length)
            let credentials =
                [.xoauth2, .oauthbearer].contains(mechanism)
                ? credentials("ün,d=er", token: secret) : credentials("ünder", password: secret)
            var client = SASLClient(mechanism, credentials)
            var server = SASLServer(mechanism)
            let line = bytes(client.begin().shown)
            let command = try #require(authCommand(line))
            #expect(command.mechanism == mechanism)
            var step = server.begin(command.initialResponse.map { String(decoding: line[$0], as: UTF8.self) })
            while case .challenge(let text) = step {
                let reply = try #require(try Reply("334 " + String(decoding: text, as: UTF8.self) + "\r\n"))
                guard case .send(let answer) = client.next(reply) else { break }
                step = server.next(answer.shown)
            }
            guard case .credentials(let understood) = step else {
                Issue.record("\(step.shown)")
                continue
            }
            #expect(understood.user == credentials.user && understood.shown.hasSuffix(" " + secret))
        }
    }
}
