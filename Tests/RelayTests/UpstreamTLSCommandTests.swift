import Relay
import TLS
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// The client's first commands, where the upstream has TLS or is to have it.
    @Suite struct UpstreamTLSCommandTests {
        static let policies = [UpstreamSettings.TLSPolicy.opportunistic, .required, .mirror]
        static let offered = "250-inside.example\r\n250 SIZE 2\r\n"

        /// A session whose client has the reply to its EHLO.
        private func answered(_ relay: TestRelay, _ policy: UpstreamSettings.TLSPolicy) throws -> Dialogue {
            guard policy != .mirror else { return try Dialogue(relay, upTo: .ehloAnswered) }
            let dialogue = try Dialogue(relay, upstream: .upstream())
            try dialogue.answer(Self.offered, relayedAs: "250-inside.example\r\n250-SIZE 2\r\n250 STARTTLS\r\n")
            return dialogue
        }

        @Test(arguments: policies) func noopAndRsetBeforeEhlo(_ policy: UpstreamSettings.TLSPolicy) throws {
            try withRelay(.upstreamTLS(policy, .offer)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                for command in ["NOOP\r\n", "RSET\r\n"] {
                    try dialogue.client.send(command)
                    try dialogue.client.expect("250 2.0.0 Ok\r\n")
                }
                try dialogue.say(Dialogue.ehlo)
            }
        }

        @Test(arguments: policies, [true, false])
        func quitBeforeAndBehindEhlo(_ policy: UpstreamSettings.TLSPolicy, _ isGreeted: Bool) throws {
            try withRelay(.upstreamTLS(policy, .offer)) { relay in
                let dialogue = isGreeted ? try answered(relay, policy) : try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send("QUIT\r\n")
                try dialogue.client.expect("221 2.0.0 Bye\r\n")
                try dialogue.client.expectEnd()
                dialogue.client.close()
                // Inside its TLS, where it has any.
                try dialogue.upstream.expect("QUIT\r\n")
                try dialogue.upstream.expectEnd()
                #expect(dialogue.upstream.wasNotified == (isGreeted && policy != .mirror))
            }
        }

        @Test(arguments: policies, ["QUIT\r\n", "MAIL FROM:<>\r\n", "X"])
        func nothingMayFollowEhlo(_ policy: UpstreamSettings.TLSPolicy, _ command: String) throws {
            try withRelay(.upstreamTLS(policy, .offer)) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send(Dialogue.ehlo + command)
                try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
                #expect(dialogue.upstream.received.isEmpty)
            }
        }

        @Test(arguments: policies, [ListenerSettings.StartTLSPolicy.off, .offer])
        func aGroupBehindTheReplyIsPassedOn(
            _ policy: UpstreamSettings.TLSPolicy, _ starttls: ListenerSettings.StartTLSPolicy
        ) throws {
            if policy == .mirror && starttls == .off { return }
            try withRelay(.upstreamTLS(policy, starttls)) { relay in
                let dialogue: Dialogue
                if starttls == .off {
                    dialogue = try Dialogue(relay, upstream: .upstream())
                    try dialogue.answer(Self.offered)
                } else {
                    dialogue = try answered(relay, policy)
                }
                try dialogue.say("MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")
                try dialogue.answer("250 Ok\r\n250 Ok\r\n354 Go\r\n")
            }
        }

        @Test(
            arguments: policies,
            ["MAIL FROM:<>\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n", "VRFY a\r\n"])
        func whereTheClientMustHaveTLSNothingElseWillDo(_ policy: UpstreamSettings.TLSPolicy, _ commands: String) throws
        {
            try withRelay(.upstreamTLS(policy, .require)) { relay in
                let dialogue = try answered(relay, policy)
                try dialogue.client.send(commands)
                try dialogue.isTurnedAway("530 5.7.0 Must issue a STARTTLS command first", "tls_required by client")
                #expect(relay[.sessionsTLSRequired] == 1)
            }
        }

        @Test(arguments: policies) func groupsInsideTheClientsTLS(_ policy: UpstreamSettings.TLSPolicy) throws {
            for commands in ["MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n", Dialogue.ehlo + "QUIT\r\n"] {
                try withRelay(.upstreamTLS(policy, .require)) { relay in
                    let dialogue = try answered(relay, policy)
                    try dialogue.client.send("STARTTLS\r\n")
                    if policy == .mirror {
                        try dialogue.upstream.expect("STARTTLS\r\n")
                        try dialogue.upstream.takeTLS()
                    }
                    try dialogue.client.expect(Dialogue.ready)
                    try dialogue.client.secure(.only(.tls13))
                    try dialogue.client.send(commands)
                    if commands.hasPrefix("EHLO") {
                        try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
                    } else {
                        try dialogue.upstream.expect(commands)
                    }
                }
            }
        }

        /// The names in both greetings are the client's own, also where it changes them.
        @Test func eachGreetingCarriesTheClientsName() throws {
            try withRelay(.upstreamTLS(.required, .offer)) { relay in
                let dialogue = try answered(relay, .required)
                try dialogue.say("EHLO [127.0.0.1]\r\n")
                try dialogue.answer(Self.offered, relayedAs: "250-inside.example\r\n250-SIZE 2\r\n250 STARTTLS\r\n")
                try dialogue.say("ehlo other.example\r\n")
                #expect(relay[.sessionsUpstreamTerminatedSSL] == 1)
            }
        }
    }
}
