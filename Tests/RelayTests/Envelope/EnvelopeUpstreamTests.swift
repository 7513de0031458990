import Glibc
import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// The way from the first recipient to opaque bytes.
    @Suite struct EnvelopeUpstreamTests {
        static let mail = "MAIL FROM:<a@example.org> SIZE=100"
        static let rcpt = "RCPT TO:<b@example.com>"
        static let message = "Subject: x\r\n\r\ntext\r\n.\r\n"

        @Test(arguments: [false, true]) func deliversAMessage(_ pipelines: Bool) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(pipelines ? ["PIPELINING"] : [])
                if pipelines {
                    try upstream.expect("\(Self.mail)\r\n\(Self.rcpt)\r\n")
                    try upstream.send("250 2.1.0 sender\r\n250 2.1.5 recipient\r\n")
                } else {
                    try upstream.answer(Self.mail, "250 2.1.0 sender")
                    try upstream.answer(Self.rcpt, "250 2.1.5 recipient")
                }
                try client.expect("250 2.1.5 recipient\r\n")
                try finish(client, upstream)
                let record = try relay.record()
                #expect(record.end == "completed by upstream")
                #expect(record.phase == "passthrough")
                #expect(record["upstream"] == "\(relay.server.address)")
            }
        }

        /// What is said behind the hand-off.
        private func finish(_ client: Peer, _ upstream: Peer) throws {
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect("354 go on\r\n")
            try client.send(Self.message)
            try upstream.expect(Self.message)
            try upstream.send("250 2.0.0 queued as 7\r\n")
            try client.expect("250 2.0.0 queued as 7\r\n")
            try client.send("QUIT\r\n")
            try upstream.answer("QUIT", "221 bye")
            try client.expect("221 bye\r\n")
            try upstream.finish()
            try client.expectEnd()
            try client.finish()
            try upstream.expectEnd()
        }

        /// A whole session in one segment, or in two: the same bytes reach the upstream.
        @Test func whatTheClientPipelinedGoesOn() throws {
            let behind = "RCPT TO:<c@example.com>\r\nDATA\r\n\(Self.message)QUIT\r\n"
            let all = "EHLO c\r\n\(Self.mail)\r\n\(Self.rcpt)\r\n\(behind)"
            try withRelay(.envelope()) { relay in
                for cut in 1...all.utf8.count {
                    let client = try relay.greetedClient()
                    if cut == all.utf8.count { try client.send(all) } else { try relay.send(all, cut: cut, by: client) }
                    let upstream = try relay.introducedUpstream()
                    try upstream.answer(Self.mail, "250 sender")
                    try upstream.answer(Self.rcpt, "250 recipient")
                    try upstream.expect(behind)
                    let replies = "250 c\r\n354 d\r\n250 e\r\n221 f\r\n"
                    try upstream.send(replies)
                    try client.expect("250 relay.example\r\n250 2.1.0 Ok\r\n250 recipient\r\n" + replies)
                    client.close()
                    upstream.close()
                    _ = try relay.record()
                }
            }
        }

        /// Half-close behind a pipelined session: every reply arrives (nginx loses them).
        @Test func aHalfClosedClientGetsItsReplies() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.greetedClient()
                try client.send("EHLO c\r\n\(Self.mail)\r\n\(Self.rcpt)\r\nDATA\r\n\(Self.message)QUIT\r\n")
                try client.finish()
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try upstream.expect("DATA\r\n\(Self.message)QUIT\r\n")
                try upstream.send("354 d\r\n250 e\r\n221 f\r\n")
                try client.expect("250 relay.example\r\n250 2.1.0 Ok\r\n250 recipient\r\n354 d\r\n250 e\r\n221 f\r\n")
                try upstream.expectEnd()
                try upstream.finish()
                try client.expectEnd()
            }
        }

        @Test(arguments: [false, true]) func theUpstreamsAnswerToMAILIsTheClientsToRCPT(_ pipelines: Bool) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(pipelines ? ["PIPELINING"] : [])
                if pipelines {
                    try upstream.expect("\(Self.mail)\r\n\(Self.rcpt)\r\n")
                    try upstream.send("552-5.3.4 too\r\n552 5.3.4 big\r\n503 5.5.1 no sender\r\n")
                } else {
                    try upstream.answer(Self.mail, "552-5.3.4 too\r\n552 5.3.4 big")
                }
                try client.expect("552-5.3.4 too\r\n552 5.3.4 big\r\n")
                // The session is the upstream's now.
                try client.send("RSET\r\n")
                try upstream.answer("RSET", "250 reset")
                try client.expect("250 reset\r\n")
            }
        }

        /// Handed off, the other recipients would get the upstream's 503, which is for good.
        @Test(arguments: [false, true]) func aSenderRefusedForNowIsSoForEachRecipient(_ pipelines: Bool) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send("\(Self.rcpt)\r\n\(Self.rcpt)\r\n")
                for _ in 1...2 {
                    let upstream = try relay.introducedUpstream(pipelines ? ["PIPELINING"] : [])
                    if pipelines {
                        try upstream.expect("\(Self.mail)\r\n\(Self.rcpt)\r\n")
                        try upstream.send("452 4.3.1 full\r\n503 5.5.1 no sender\r\n")
                    } else {
                        try upstream.answer(Self.mail, "452 4.3.1 full")
                    }
                    try client.expect("452 4.3.1 full\r\n")
                }
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
                try client.send("\(Self.rcpt)\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try client.expect("250 recipient\r\n")
            }
        }

        @Test(arguments: ["550 5.1.1 nobody", "452 4.5.3 later"]) func aRefusedRecipientIsToldSo(_ reply: String) throws
        {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, reply)
                try client.expect(reply + "\r\n")
                try client.send(Self.rcpt + "\r\n")
                try upstream.answer(Self.rcpt, "250 better")
                try client.expect("250 better\r\n")
            }
        }

        /// Whatever form the client's commands have, the upstream gets one.
        @Test(
            arguments: zip(
                ["mail from: a@example.org size=5", "MAIL FROM:<@x,@y:a@example.org> AUTH=<> BODY=8bitmime"],
                ["MAIL FROM:<a@example.org> SIZE=5", "MAIL FROM:<a@example.org> BODY=8bitmime"]))
        func theUpstreamGetsOneForm(_ said: String, _ passed: String) throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(said, "250 2.1.0 Ok")
                try client.send("rcpt to:b@example.com\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(passed, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try client.expect("250 recipient\r\n")
            }
        }

        @Test func anUpstreamWithoutEHLOIsToldHELO() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.upstream()
                try upstream.send(Dialogue.greeting)
                try upstream.answer("EHLO relay.example", "502 what?")
                try upstream.answer("HELO relay.example", "250 mx.example")
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try client.expect("250 recipient\r\n")
            }
        }

        // MARK: Failures

        /// What an upstream may do before the client's RCPT is answered, and what the client is told.
        enum Failure: String, CaseIterable, CustomTestStringConvertible {
            case closesAtOnce, refuses, defers, saysNonsense, refusesEHLO, closesInEHLO, closesInMAIL, closesInRCPT

            var testDescription: String { rawValue }

            var reply: String {
                switch self {
                case .refuses: "554 5.7.1 not you"
                case .defers: "450 4.7.1 not now"
                case .saysNonsense: "451 4.3.0 Upstream reply not valid"
                case .refusesEHLO: "550 5.7.1 not so"
                default: "451 4.4.2 Upstream connection lost"
                }
            }

            /// An upstream's own word is final only where it says so.
            var isWorthAnother: Bool { self != .refuses && self != .refusesEHLO }

            func play(_ upstream: Peer) throws {
                switch self {
                case .closesAtOnce: break
                case .refuses, .defers: try upstream.send(reply + "\r\n")
                case .saysNonsense: try upstream.send("SSH-2.0-OpenSSH\r\n")
                case .refusesEHLO:
                    try upstream.send(Dialogue.greeting)
                    try upstream.answer("EHLO relay.example", "500 no")
                    try upstream.answer("HELO relay.example", reply)
                case .closesInEHLO:
                    try upstream.send(Dialogue.greeting)
                    try upstream.expect("EHLO relay.example\r\n")
                case .closesInMAIL:
                    try upstream.greet()
                    try upstream.expect(EnvelopeUpstreamTests.mail + "\r\n")
                case .closesInRCPT:
                    try upstream.greet()
                    try upstream.answer(EnvelopeUpstreamTests.mail, "250 sender")
                    try upstream.expect(EnvelopeUpstreamTests.rcpt + "\r\n")
                }
                upstream.close()
            }
        }

        @Test(arguments: Failure.allCases) func theClientIsToldAndMayGoOn(_ failure: Failure) throws {
            try withRelay(.envelope { $0.upstream.retries = 0 }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                try failure.play(relay.upstream())
                try client.expectReply(failure.reply)
                // Behind it all is as it was.
                try client.send("NOOP\r\n\(Self.rcpt)\r\n")
                try client.expectReply("250 2.0.0 Ok")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try client.expect("250 recipient\r\n")
                try finish(client, upstream)
            }
        }

        @Test(arguments: Failure.allCases) func anotherServerIsTriedUnseen(_ failure: Failure) throws {
            let servers = try Servers(2)
            try withRelay(.envelope { $0.use(servers.addresses) }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                try failure.play(servers.all[0].accept())
                guard failure.isWorthAnother else { return try client.expectReply(failure.reply) }
                let upstream = try servers.all[1].accept()
                try upstream.greet()
                try upstream.answer(Self.mail, "250 sender")
                try upstream.answer(Self.rcpt, "250 recipient")
                try client.expect("250 recipient\r\n")
                try finish(client, upstream)
                #expect(try relay.record()["upstream"] == "\(servers.addresses[1])")
            }
        }

        @Test func nobodyListens() throws {
            let address = try LoopbackServer.closedAddress()
            try withRelay(.envelope { $0.use([address]) }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.ask(Self.rcpt, "451 4.4.1 Upstream not reachable")
                try client.ask("QUIT", "221 2.0.0 Bye")
                #expect(relay[.sessionsUpstreamConnectFail] == 1)
            }
        }

        @Test(arguments: ["421 4.3.2 closing", "421-4.3.2 in two\r\n421 4.3.2 lines"])
        func its421EndsTheSession(_ reply: String) throws {
            try withRelay(.envelope { $0.upstream.retries = 0 }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.answer(Self.mail, reply)
                try client.expect(reply + "\r\n")
                try client.isLeft()
                #expect(try relay.record().end == "upstream_421 by upstream")
            }
        }

        @Test func aClientThatLeavesMeanwhileTakesTheUpstreamWithIt() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.expect(Self.mail + "\r\n")
                client.close()
                try upstream.expectEnd()
                #expect(try relay.record().end == "client_closed by client")
            }
        }

        @Test func aDrainEndsTheDialogueWithTheUpstream() throws {
            try withRelay(.envelope()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Self.mail, "250 2.1.0 Ok")
                try client.send(Self.rcpt + "\r\n")
                let upstream = try relay.introducedUpstream()
                try upstream.expect(Self.mail + "\r\n")
                relay.beginDrain(deadline: .seconds(10))
                try client.expectReply("421 4.3.2 Service shutting down")
                try client.isLeft()
                try upstream.expectEnd()
            }
        }
    }
}
