import Lookup
import Policy
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// AUTH: its dialogue, who decides, and what follows.
    @Suite struct EnvelopeAuthenticationTests {
        /// NUL user NUL password.
        static let plain = "AHVzZXIAcGFzc3dvcmQ="
        static let success = "235 2.7.0 Authentication successful"

        /// The credentials as a test can compare them.
        static func text(_ credentials: Credentials?) -> String {
            guard let credentials else { return "nobody" }
            let secret: String
            switch credentials.proof {
            case .password(let bytes), .token(let bytes), .digest(let bytes, challenge: _):
                secret = bytes.withBytes { span in
                    var copy: [UInt8] = []
                    for index in span.indices { copy.append(span[index]) }
                    return String(decoding: copy, as: UTF8.self)
                }
            case .certificate: secret = "certificate"
            }
            return "\(credentials.mechanism) \(String(decoding: credentials.user, as: UTF8.self)) \(secret)"
        }

        /// What is said up to the success, and what the authenticator is shown.
        static let dialogues: [(lines: [(String, String)], shown: String)] = [
            ([("AUTH PLAIN \(plain)", success)], "PLAIN user password"),
            ([("auth plain", "334 "), (plain, success)], "PLAIN user password"),
            (
                [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("dXNlcg==", "334 UGFzc3dvcmQ6"), ("cGFzc3dvcmQ=", success)],
                "LOGIN user password"
            ),
            ([("AUTH LOGIN dXNlcg==", "334 UGFzc3dvcmQ6"), ("cGFzc3dvcmQ=", success)], "LOGIN user password"),
            ([("AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHRva2VuAQE=", success)], "XOAUTH2 user token"),
        ]

        @Test(arguments: dialogues.indices) func aClientAuthenticates(_ index: Int) throws {
            let noted = Noted()
            let setup = Setup.envelope { setup in
                setup.authenticate(by: [.plain, .login, .xoauth2]) { attempt in
                    noted.note(Self.text(attempt.credentials))
                    return .accepted(Acceptance(login: nil))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                let lines = Self.dialogues[index].lines
                for (line, reply) in lines.dropLast() { try client.ask(line, reply) }
                try client.send(lines[lines.count - 1].0 + "\r\n")
                let upstream = try relay.introducedUpstream()
                try client.expect(Self.success + "\r\n")
                try client.send("MAIL FROM:<>\r\n")
                try upstream.answer("MAIL FROM:<>", "250 ok")
                try client.expect("250 ok\r\n")
                try upstream.finish()
                try client.expectEnd()
                client.close()
                #expect(noted.all == [Self.dialogues[index].shown])
                let record = try relay.record()
                #expect(record["login"] == "user")
                #expect(record["decision"] == "accepted")
                #expect(relay.counters.values(of: .authenticationOutcomes) == ["accepted": 1])
                #expect(relay.counters.values(of: .authenticationAttempts).count == 1)
            }
        }

        @Test func whatIsPipelinedBehindItGoesToTheUpstream() throws {
            let all = "EHLO c\r\nAUTH LOGIN\r\ndXNlcg==\r\ncGFzc3dvcmQ=\r\nMAIL FROM:<>\r\nQUIT\r\n"
            try withRelay(.envelope { $0.authenticateAll() }) { relay in
                for cut in 1..<all.utf8.count {
                    let client = try relay.greetedClient()
                    try relay.send(all, cut: cut, by: client)
                    let upstream = try relay.introducedUpstream()
                    try upstream.expect("MAIL FROM:<>\r\nQUIT\r\n")
                    try upstream.send("250 a\r\n221 b\r\n")
                    try client.expect("250-relay.example\r\n250 AUTH PLAIN LOGIN\r\n")
                    try client.expect(
                        "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n\(Self.success)\r\n250 a\r\n221 b\r\n")
                    client.close()
                    upstream.close()
                    _ = try relay.record()
                }
            }
        }

        // MARK: Mistakes

        static let mistakes: [[(String, String)]] = [
            [("AUTH", "501 5.5.4 Syntax: AUTH mechanism [initial-response]")],
            [("AUTH PLAIN a b", "501 5.5.4 Syntax: AUTH mechanism [initial-response]")],
            [("AUTH GSSAPI", "504 5.5.4 Authentication mechanism not supported")],
            [("AUTH CRAM-MD5", "504 5.5.4 Authentication mechanism not supported")],
            [("AUTH EXTERNAL =", "504 5.5.4 Authentication mechanism not supported")],
            [("AUTH PLAIN ***", "501 5.5.2 Cannot decode authentication data")],
            [("AUTH PLAIN AA==", "501 5.5.2 Authentication data not valid")],
            [("AUTH PLAIN", "334 "), ("*", "501 5.7.0 Authentication cancelled")],
            [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("*", "501 5.7.0 Authentication cancelled")],
            // A line end within the user's name, and a NUL.
            [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("YQ0KYg==", "501 5.5.2 Authentication data not valid")],
            [("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("YQBi", "501 5.5.2 Authentication data not valid")],
            [
                ("AUTH PLAIN", "334 "),
                (String(repeating: "A", count: 12_300), "500 5.5.6 Authentication line too long"),
            ],
            [("AUTH PLAIN \(String(repeating: "A", count: 12_300))", "500 5.5.2 Line too long")],
        ]

        @Test(arguments: mistakes.indices) func aMistakeEndsTheExchangeAlone(_ index: Int) throws {
            try withRelay(.envelope { $0.authenticateAll() }) { relay in
                let client = try relay.introducedClient()
                for (line, reply) in Self.mistakes[index] { try client.ask(line, reply) }
                try client.ask("NOOP", "250 2.0.0 Ok")
                #expect(try relay.isUpstreamAlone)
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                _ = try relay.introducedUpstream()
                try client.expect(Self.success + "\r\n")
            }
        }

        @Test func itHasItsPlace() throws {
            try withRelay(
                .envelope { setup in
                    setup.authenticateAll()
                    setup.envelope.authentication.withoutIt = .passes
                }
            ) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.ask("AUTH PLAIN \(Self.plain)", "503 5.5.1 AUTH not allowed now")
            }
        }

        @Test func withoutTLSItIsRefused() throws {
            let setup = Setup.envelope(.offer) { setup in
                setup.authenticateAll()
                setup.envelope.authentication.isAllowedBeforeTLS = false
            }
            try withRelay(setup) { relay in
                let client = try relay.greetedClient()
                try client.ask("EHLO c", "250-relay.example")
                try client.expect("250 STARTTLS\r\n")
                try client.ask(
                    "AUTH PLAIN \(Self.plain)",
                    "538 5.7.11 Encryption required for requested authentication mechanism")
                try client.ask("MAIL FROM:<>", "530 5.7.0 Authentication required")
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                try client.introduce()
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                let upstream = try relay.introducedUpstream()
                try client.expect(Self.success + "\r\n")
                try client.send("QUIT\r\n")
                try upstream.answer("QUIT", "221 bye")
                try client.expect("221 bye\r\n")
            }
        }

        @Test(arguments: [false, true]) func nothingPassesWhereTLSIsRequired(_ isAllowedBeforeTLS: Bool) throws {
            let setup = Setup.envelope(.require) { setup in
                setup.authenticateAll()
                setup.envelope.authentication.isAllowedBeforeTLS = isAllowedBeforeTLS
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                for command in ["AUTH PLAIN \(Self.plain)", "MAIL FROM:<>"] {
                    try client.ask(command, "530 5.7.0 Must issue a STARTTLS command first")
                }
                try client.ask("STARTTLS now", "501 5.5.4 STARTTLS takes no parameter")
                try client.ask("HELO c", "250 relay.example")
                try client.ask("STARTTLS", "503 Bad sequence of commands")
                try client.introduce()
                try client.send("STARTTLS\r\nEHLO injected\r\n")
                try client.expectReply("503 5.5.0 Improper command pipelining")
                try client.isLeft()
                #expect(try relay.record().end == "bad_pipeline by client")
                #expect(relay[.sessionsTLSRequired] == 1)
            }
        }

        // MARK: Other answers

        private static func refusal(_ change: (inout Refusal) -> Void = { _ in }) -> AuthenticationOutcome {
            var refusal = Refusal(reply: .authenticationFailed)
            change(&refusal)
            return .refused(refusal)
        }

        @Test func threeFailuresEndTheSession() throws {
            try withRelay(.envelope { $0.authenticate { _ in Self.refusal() } }) { relay in
                let client = try relay.introducedClient()
                for _ in 0..<2 {
                    try client.ask(
                        "AUTH PLAIN \(Self.plain)", "535 5.7.8 Authentication credentials invalid")
                }
                try client.ask(
                    "AUTH PLAIN \(Self.plain)", "421 4.7.0 Too many failed authentications, closing connection")
                try client.isLeft()
                let record = try relay.record()
                #expect(record.end == "authentication_failed by client")
                #expect(record["login"] == nil)
                #expect(record["decision"] == "refused")
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test func aRefusalIsLoggedWithItsUser() throws {
            try withRelay(.envelope { $0.authenticate { _ in Self.refusal() } }) { relay in
                let client = try relay.introducedClient()
                // NUL a" client=x NUL password
                try client.ask(
                    "AUTH PLAIN AGEiIGNsaWVudD14AHBhc3N3b3Jk", "535 5.7.8 Authentication credentials invalid")
                let line = try relay.log.message("authentication refused")
                let end = #""proxy":"none","mechanism":"PLAIN","user":"a\" client=x"}"#
                #expect(line.contains(#""listener":"mx","client":"127.0.0.1:"#) && line.hasSuffix(end), "\(line)")
            }
        }

        @Test func aRefusalMayTakeItsTimeAndEndTheSession() throws {
            let setup = Setup.envelope { setup in
                setup.authenticate { _ in
                    Self.refusal {
                        $0.delay = .milliseconds(80)
                        $0.closes = true
                    }
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                let start = Instant.current()
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                try client.expectReply("535 5.7.8 Authentication credentials invalid")
                #expect(Instant.current() >= start + .milliseconds(80))
                try client.isLeft()
                #expect(try relay.record().end == "unwelcome by mailrace")
            }
        }

        @Test func aTokenIsRefusedInTwoSteps() throws {
            try withRelay(.envelope { $0.authenticate(by: [.xoauth2]) { _ in Self.refusal() } }) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHRva2VuAQE=\r\n")
                #expect(try client.line().hasPrefix("334 eyJ"))
                try client.ask("", "535 5.7.8 Authentication credentials invalid")
            }
        }

        @Test func nobodyCanSay() throws {
            let setup = Setup.envelope { setup in
                setup.authenticate { .unavailable($0.unavailableReply, because: "the dog ate it") }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH PLAIN \(Self.plain)", "454 4.7.0 Temporary authentication failure")
                try client.ask("MAIL FROM:<>", "530 5.7.0 Authentication required")
                #expect(try relay.log.message("no decision").contains("the dog ate it"))
            }
        }

        @Test func aDecisionMayBePutOff() throws {
            let noted = Noted()
            let setup = Setup.envelope { setup in
                setup.authenticate { attempt in
                    noted.note("\(Self.text(attempt.credentials)) \(attempt.facts.candidate != nil)")
                    return attempt.facts.candidate == nil ? .deferred : .accepted(Acceptance(login: nil))
                }
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH PLAIN \(Self.plain)", Self.success)
                try client.ask("AUTH PLAIN \(Self.plain)", "503 5.5.1 AUTH not allowed now")
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                #expect(try relay.isUpstreamAlone)
                try client.send("RCPT TO:<b@example.com>\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
                #expect(noted.all == ["PLAIN user password false", "PLAIN user password true"])
            }
        }

        @Test func aClientWithoutAuthenticationMayBeAskedAbout() throws {
            let noted = Noted()
            let setup = Setup.envelope { setup in
                setup.authenticate { attempt in
                    noted.note("\(attempt.facts.authenticationAttempts)")
                    guard attempt.facts.candidate?.address == Array("b@example.com".utf8) else {
                        return .refused(Refusal(reply: .notAuthorised))
                    }
                    return .accepted(Acceptance(login: nil))
                }
                setup.envelope.authentication.withoutIt = .isAskedAbout
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("MAIL FROM:<>", "250 2.1.0 Ok")
                try client.ask("RCPT TO:<a@example.com>", "550 5.7.0 Not authorised to do that")
                #expect(try relay.isUpstreamAlone)
                try client.send("RCPT TO:<b@example.com>\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer("MAIL FROM:<>", "250 sender")
                try upstream.answer("RCPT TO:<b@example.com>", "250 recipient")
                try client.expect("250 recipient\r\n")
                #expect(noted.all == ["1", "2"])
            }
        }

        @Test func theAnswerMayNameTheServer() throws {
            let servers = try Servers(1)
            let address = servers.addresses[0]
            let setup = Setup.envelope { setup in
                setup.authenticate { _ in .accepted(Acceptance(login: nil, server: .socket(address))) }
            }
            try withRelay(setup) { relay in
                for _ in 0..<2 {
                    let client = try relay.introducedClient()
                    try client.send("AUTH PLAIN \(Self.plain)\r\n")
                    let upstream = try servers.all[0].accept()
                    try upstream.greet()
                    try client.expect(Self.success + "\r\n")
                    client.close()
                    upstream.close()
                    #expect(try relay.record()["upstream"] == "\(address)")
                }
                #expect(try relay.isUpstreamAlone)
            }
        }

        @Test func aFailedUpstreamLeavesTheClientUnknown() throws {
            try withRelay(
                .envelope {
                    $0.authenticateAll()
                    $0.upstream.retries = 0
                }
            ) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                try relay.upstream().close()
                try client.expectReply("451 4.4.2 Upstream connection lost")
                try client.ask("MAIL FROM:<>", "530 5.7.0 Authentication required")
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                _ = try relay.introducedUpstream()
                try client.expect(Self.success + "\r\n")
            }
        }

        // MARK: The upstream is shown the credentials

        @Test(arguments: ["AUTH LOGIN PLAIN", "AUTH LOGIN", "AUTH=LOGIN"])
        func theUpstreamMayDecideToo(_ offer: String) throws {
            try withRelay(
                .envelope {
                    $0.authenticateAll()
                    $0.upstream.authenticatesClients = true
                }
            ) { relay in
                for isWelcome in [false, true] {
                    let client = try relay.introducedClient()
                    try client.send("AUTH PLAIN \(Self.plain)\r\n")
                    let upstream = try relay.introducedUpstream([offer])
                    if offer.contains("PLAIN") {
                        try upstream.expect("AUTH PLAIN \(Self.plain)\r\n")
                    } else {
                        try upstream.answer("AUTH LOGIN", "334 VXNlcm5hbWU6")
                        try upstream.answer("dXNlcg==", "334 UGFzc3dvcmQ6")
                        try upstream.expect("cGFzc3dvcmQ=\r\n")
                    }
                    try upstream.send(isWelcome ? "235 fine\r\n" : "535 5.7.8 not you\r\n")
                    try client.expect(isWelcome ? Self.success + "\r\n" : "535 5.7.8 not you\r\n")
                    client.close()
                    upstream.close()
                    _ = try relay.record()
                }
            }
        }

        // MARK: Secrets

        @Test(arguments: [false, true]) func secretsAreNotWrittenDown(_ shows: Bool) throws {
            let pipe = try LogPipe()
            let setup = Setup.envelope { setup in
                setup.authenticateAll()
                setup.upstream.authenticatesClients = true
                setup.listener.transcript = Transcript(to: pipe.log, showsCredentials: shows)
            }
            try withRelay(setup) { relay in
                let client = try relay.introducedClient()
                try client.ask("AUTH LOGIN", "334 VXNlcm5hbWU6")
                try client.ask("dXNlcg==", "334 UGFzc3dvcmQ6")
                try client.ask("*", "501 5.7.0 Authentication cancelled")
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                let upstream = try relay.introducedUpstream(["AUTH PLAIN"])
                try upstream.answer("AUTH PLAIN \(Self.plain)", "235 fine")
                try client.expect(Self.success + "\r\n")
                client.close()
                upstream.close()
                _ = try relay.record()
                let last = try pipe.message("handed off")
                #expect(!last.isEmpty)
                let isWritten = pipe.messages.contains { $0.contains(Self.plain) || $0.contains("dXNlcg==") }
                #expect(isWritten == shows)
            }
            pipe.log.close()
        }

        @Test func aDrainTakesTheQuestionBack() throws {
            try withRelay(
                .envelope { setup in
                    setup.authenticateAll()
                    setup.silentAuthenticator()
                }
            ) { relay in
                let client = try relay.introducedClient()
                try client.send("AUTH PLAIN \(Self.plain)\r\n")
                relay.settle()
                relay.beginDrain(deadline: .seconds(30))
                try client.expectReply("421 4.3.2 Service shutting down")
                try client.isLeft()
                relay.drained()
            }
        }
    }
}
