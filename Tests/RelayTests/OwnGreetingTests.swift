import Relay
import TLS
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Where the upstream is dialled only once the client has chosen, Mailrace greets.
    @Suite struct OwnGreetingTests {
        static let greeting = "220 relay.example ESMTP\r\n"
        static let capabilities = "250-relay.example\r\n250 STARTTLS\r\n"
        static let badPipelining = "503 5.5.0 Improper command pipelining ["

        static func setup(
            _ starttls: ListenerSettings.StartTLSPolicy = .offer, _ policy: UpstreamSettings.TLSPolicy = .off,
            _ change: (inout Setup) -> Void = { _ in }
        ) -> Setup {
            .upstreamTLS(policy, starttls) { setup in
                setup.listener.dial = .afterTLS
                setup.listener.hostname = "relay.example"
                change(&setup)
            }
        }

        /// A client that has been greeted, and has said EHLO.
        private func greeted(_ relay: TestRelay, saying greeting: String = Dialogue.ehlo) throws -> Peer {
            let client = try relay.client()
            try client.expect(Self.greeting)
            try client.send(greeting)
            try client.expect(greeting.hasPrefix("EHLO") ? Self.capabilities : "250 relay.example\r\n")
            return client
        }

        private func secured(_ relay: TestRelay) throws -> Peer {
            let client = try greeted(relay)
            try client.send("STARTTLS\r\n")
            try client.expect(Dialogue.ready)
            try client.secure(.only(.tls13))
            return client
        }

        private func isNotDialled(_ relay: TestRelay) throws {
            relay.settle()
            #expect(try !relay.server.isCalled(withinMilliseconds: 0))
        }

        @Test(arguments: [UpstreamSettings.TLSPolicy.off, .required, .opportunistic, .mirror, .implicit])
        func theUpstreamIsDialledInsideTheClientsTLS(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(Self.setup(.require, policy)) { relay in
                let client = try greeted(relay)
                try isNotDialled(relay)
                try client.send("STARTTLS\r\n")
                try client.expect(Dialogue.ready)
                try client.secure(.only(.tls13))
                let upstream = try relay.upstream()
                if policy == .implicit { try upstream.secureAsServer(TLSServerContext(.upstream())) }
                try upstream.send(Dialogue.greeting)
                relay.settle()
                #expect(client.isQuiet)
                try client.send(Dialogue.ehlo)
                if policy != .off && policy != .implicit {
                    try upstream.offerTLS()
                    try upstream.takeTLS()
                }
                try upstream.expect(Dialogue.ehlo)
                try upstream.send(Dialogue.ehloReply)
                try client.expect(Dialogue.ehloReplyWithoutTLS)
                try client.send("MAIL FROM:<>\r\n")
                try upstream.expect("MAIL FROM:<>\r\n")
                upstream.close()
                client.close()
                let record = try relay.record()
                #expect((record["upstream_tls"] == nil) == (policy == .off))
            }
        }

        /// MAIL, with what is pipelined behind it, is passed on once the upstream has been greeted in the client's
        /// name.
        @Test(
            arguments: [UpstreamSettings.TLSPolicy.off, .required, .mirror], [Dialogue.ehlo, "HELO client.example\r\n"])
        func aClientInTheClearIsGreetedFor(_ policy: UpstreamSettings.TLSPolicy, _ greeting: String) throws {
            try withRelay(Self.setup(.offer, policy)) { relay in
                let client = try greeted(relay, saying: greeting)
                let group = "MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
                try client.send(group)
                let upstream = try relay.upstream()
                try upstream.send(Dialogue.greeting)
                if policy == .required {
                    try upstream.offerTLS()
                    try upstream.takeTLS()
                    try upstream.expect(Dialogue.ehlo)
                    if greeting != Dialogue.ehlo {
                        try upstream.send(Dialogue.ehloReplyWithoutTLS)
                        try upstream.expect(greeting)
                    }
                } else {
                    try upstream.expect(greeting)
                }
                relay.settle()
                #expect(client.isQuiet)
                try upstream.send("250 mx.example\r\n")
                try upstream.expect(group)
                try upstream.send("250 Ok\r\n250 Ok\r\n354 Go\r\n")
                try client.expect("250 Ok\r\n250 Ok\r\n354 Go\r\n")
                upstream.close()
                client.close()
                #expect(try relay.record()["greeting"] == String(greeting.prefix(4)))
                #expect(relay[.sessionsNonEsmtp] == (greeting == Dialogue.ehlo ? 0 : 1))
                #expect(relay[.sessionsEsmtpUnencrypted] == (greeting == Dialogue.ehlo ? 1 : 0))
            }
        }

        // MARK: Before the choice

        @Test(arguments: ["QUIT\r\n", "NOOP\r\n", "RSET\r\n"], [true, false])
        func whatNeedsNoUpstreamIsAnswered(_ command: String, _ isGreeted: Bool) throws {
            try withRelay(Self.setup(.require)) { relay in
                let client = isGreeted ? try greeted(relay) : try relay.client()
                if !isGreeted { try client.expect(Self.greeting) }
                try client.send(command)
                try client.expect(command == "QUIT\r\n" ? "221 2.0.0 Bye\r\n" : "250 2.0.0 Ok\r\n")
                if command == "QUIT\r\n" { try client.expectEnd() }
                try isNotDialled(relay)
            }
        }

        @Test(arguments: ["MAIL FROM:<>\r\n", "STARTTLS\r\n", "AUTH PLAIN\r\n", "X\r\n"])
        func aGreetingComesFirst(_ command: String) throws {
            try withRelay(Self.setup()) { relay in
                let client = try relay.client()
                try client.expect(Self.greeting)
                try client.send(command)
                #expect(try client.line().hasPrefix("503 5.5.1 Bad sequence of commands ["))
                try client.expectEnd()
                try isNotDialled(relay)
                #expect(relay[.sessionsBadEhlo] == 1)
            }
        }

        @Test(arguments: ["EHLO c\r\nQUIT\r\n", "HELO c\r\nMAIL FROM:<>\r\n", "EHLO c\r\nX"])
        func nothingMayFollowAGreeting(_ commands: String) throws {
            try withRelay(Self.setup()) { relay in
                let client = try relay.client()
                try client.expect(Self.greeting)
                try client.send(commands)
                #expect(try client.line().hasPrefix(Self.badPipelining))
                try client.expectEnd()
                #expect(relay[.sessionsBadPipeline] == 1)
            }
        }

        @Test(arguments: [Dialogue.ehlo, "HELO client.example\r\n"], ["MAIL FROM:<>\r\n", "AUTH PLAIN\r\n"])
        func whereTLSIsRequiredNothingElseWillDo(_ greeting: String, _ command: String) throws {
            try withRelay(Self.setup(.require)) { relay in
                let client = try greeted(relay, saying: greeting)
                try client.send(command)
                let status = greeting == Dialogue.ehlo ? "5.7.0 " : ""
                #expect(try client.line().hasPrefix("530 \(status)Must issue a STARTTLS command first ["))
                try client.expectEnd()
                try isNotDialled(relay)
                #expect(relay[.sessionsTLSRequired] == 1)
            }
        }

        @Test func whoSaysHeloMayGreetAgainAndTakeTLS() throws {
            try withRelay(Self.setup(.require)) { relay in
                let client = try greeted(relay, saying: "HELO client.example\r\n")
                try client.send("STARTTLS\r\n")
                #expect(try client.line().hasPrefix("503 Bad sequence of commands ["))
                try client.send(Dialogue.ehlo)
                try client.expect(Self.capabilities)
                try client.send("STARTTLS now\r\n")
                #expect(try client.line().hasPrefix("501 5.5.4 "))
                try client.send("starttls\r\n")
                try client.expect(Dialogue.ready)
            }
        }

        // MARK: Injection

        @Test(arguments: ["MAIL FROM:<>\r\n", "M", "\r\n", "\0"])
        func bytesBehindStartTLSEndTheSession(_ bytes: String) throws {
            try withRelay(Self.setup()) { relay in
                let client = try greeted(relay)
                try client.send("STARTTLS\r\n" + bytes)
                #expect(try client.line().hasPrefix(Self.badPipelining))
                try client.expectEnd()
                try isNotDialled(relay)
            }
            try withRelay(Self.setup()) { relay in
                let client = try greeted(relay)
                try client.send("STARTTLS\r\n")
                try client.expect(Dialogue.ready)
                try client.send(bytes)
                if bytes.utf8.count < 5 { client.finishRaw() }
                _ = try client.readToEnd()
                client.close()
                let record = try relay.record()
                #expect(record.end == "tls_failed by client" && record["upstream"] == nil)
                try isNotDialled(relay)
            }
        }

        /// The client may speak while the upstream is dialled, but no more than its EHLO.
        @Test func theEhloInsideTLSMayComeBeforeTheUpstream() throws {
            try withRelay(Self.setup()) { relay in
                let client = try secured(relay)
                try client.send(Dialogue.ehlo)
                let upstream = try relay.upstream()
                relay.settle()
                try upstream.send(Dialogue.greeting)
                try upstream.expect(Dialogue.ehlo)
                try upstream.send(Dialogue.ehloReply)
                try client.expect(Dialogue.ehloReplyWithoutTLS)
            }
            try withRelay(Self.setup()) { relay in
                let client = try secured(relay)
                try client.send(Dialogue.ehlo + "QUIT\r\n")
                try relay.upstream().send(Dialogue.greeting)
                #expect(try client.line().hasPrefix(Self.badPipelining))
                try client.expectEnd()
            }
        }

        /// Only with its EHLO can the upstream's TLS come: nothing may go there before.
        @Test func insideTLSTheClientGreetsFirstWhereTheUpstreamIsToHaveTLS() throws {
            for command in ["MAIL FROM:<>\r\n", "QUIT\r\n", "NOOP\r\n"] {
                try withRelay(Self.setup(.offer, .required)) { relay in
                    let client = try secured(relay)
                    let upstream = try relay.upstream()
                    try upstream.send(Dialogue.greeting)
                    try client.send(command)
                    let code = ["MAIL": "503 5.5.1 ", "QUIT": "221 2.0.0 ", "NOOP": "250 2.0.0 "][command.prefix(4)]
                    #expect(try client.line().hasPrefix(code ?? "none"))
                    client.close()
                    let heard = try upstream.readToEnd()
                    #expect(heard.elementsEqual(command == "QUIT\r\n" ? command.utf8 : "".utf8))
                }
            }
        }

        // MARK: An upstream that is not there

        @Test(arguments: ["554 5.7.1 Not you\r\n", "450 4.3.2 Later\r\n", "250 odd\r\n"])
        func aRefusalIsTold(_ refusal: String) throws {
            for isSecured in [true, false] {
                try withRelay(Self.setup()) { relay in
                    let client = isSecured ? try secured(relay) : try greeted(relay)
                    if !isSecured { try client.send("MAIL FROM:<>\r\n") }
                    try relay.upstream().send(refusal)
                    #expect(try client.line().hasPrefix("421 4.3.2 Service not available ["))
                    try client.expectEnd()
                    client.close()
                    #expect(try relay.record().end == "upstream_refused by upstream")
                    #expect(relay[.sessionsUpstreamRefused] == 1)
                }
            }
        }

        @Test func aRefusalOfTheClientsNameIsTold() throws {
            try withRelay(Self.setup()) { relay in
                let client = try greeted(relay)
                try client.send("MAIL FROM:<>\r\n")
                let upstream = try relay.upstream()
                try upstream.send(Dialogue.greeting)
                try upstream.expect(Dialogue.ehlo)
                try upstream.send("550 5.7.1 Bad name\r\n")
                #expect(try client.line().hasPrefix("421 4.3.2 Service not available ["))
                try client.expectEnd()
            }
        }
    }
}
