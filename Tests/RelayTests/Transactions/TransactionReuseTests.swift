import Relay
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing

extension RelaySuites {
    /// A connection that knows nothing of its client takes the next session's messages.
    @Suite struct TransactionReuseTests {
        private static func setup(_ change: (inout Setup) -> Void = { _ in }) -> Setup {
            .transactions { setup in
                setup.upstream.reuse = UpstreamSettings.ReusePolicy()
                change(&setup)
            }
        }

        /// A session of one message, over an upstream that has greeted or is to.
        private func session(
            _ relay: TestRelay, over upstream: Peer? = nil, _ capabilities: [String] = [], xforward: String? = nil
        ) throws -> Peer {
            let client = try relay.introducedClient()
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            let upstream = try upstream ?? relay.introducedUpstream(capabilities)
            if let xforward { try upstream.answer(xforward, "250 noted") }
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.answer("DATA", "354 go on")
            try client.expect(Said.startData + "\r\n")
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("250 ok\r\n")
            try client.expect("250 ok\r\n")
            try client.ask("QUIT", "221 2.0.0 Bye")
            try client.isLeft()
            _ = try relay.record()
            return upstream
        }

        @Test func theNextSessionTakesIt() throws {
            try withRelay(Self.setup()) { relay in
                var upstream: Peer?
                for _ in 1...3 { upstream = try session(relay, over: upstream) }
                #expect(try relay.isUpstreamAlone)
                relay.retirePool()
                try upstream?.expect("QUIT\r\n")
                try upstream?.expectEnd()
            }
        }

        @Test func xforwardTellsOfEachClient() throws {
            try withRelay(Self.setup()) { relay in
                var upstream: Peer?
                for _ in 1...2 {
                    upstream = try session(
                        relay, over: upstream, ["XFORWARD HELO"], xforward: "XFORWARD HELO=client.example")
                }
            }
        }

        /// Also within one session, whose client may have taken another name meanwhile.
        @Test func xforwardTellsOfEachMessage() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.greetedClient()
                var upstream: Peer?
                for name in ["one.example", "two.example"] {
                    try client.introduce(as: name)
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(Said.rcpt + "\r\n")
                    let server = try upstream ?? relay.introducedUpstream(["XFORWARD HELO"])
                    upstream = server
                    try server.answer("XFORWARD HELO=\(name)", "250 noted")
                    try server.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.send("DATA\r\n")
                    try server.takeMessage(from: client)
                }
                #expect(try relay.isUpstreamAlone)
            }
        }

        /// The log of the upstream has the message by the name that it has in the log of the relay.
        @Test(arguments: [[], ["PIPELINING"]]) func xforwardNamesEachMessage(_ others: [String]) throws {
            try withRelay(Self.setup()) { relay in
                let client = try relay.introducedClient()
                var upstream: Peer?
                for number in 1...3 {
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(Said.rcpt + "\r\n")
                    let server = try upstream ?? relay.introducedUpstream(others + ["XFORWARD IDENT"])
                    let line = try server.line()
                    let (isReused, isPipelined) = (upstream != nil, !others.isEmpty)
                    upstream = server
                    // Of several commands at once, each is answered.
                    if isReused, isPipelined { try server.expect("\(Said.mail)\r\n\(Said.rcpt)\r\n") }
                    try server.send(number == 2 ? "501 5.5.4 what is that\r\n" : "250 noted\r\n")
                    if isReused, isPipelined {
                        try server.send("250 2.1.0 sender\r\n250 2.1.5 recipient\r\n")
                    } else {
                        try server.takeEnvelope(isPipelined: isPipelined)
                    }
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.send("DATA\r\n")
                    try server.takeMessage(from: client)
                    let session = try #require(try relay.log.transaction(number)["session"])
                    #expect(line == "XFORWARD IDENT=\(session).\(number)")
                }
            }
        }

        /// What dies before it says anything about the message is replaced unseen.
        @Test func aServerThatLeavesBehindXFORWARDIsDialledAgain() throws {
            try withRelay(Self.setup()) { relay in
                let offer = ["PIPELINING", "XFORWARD HELO"]
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                let first = try relay.introducedUpstream(offer)
                try first.answer("XFORWARD HELO=client.example", "250 noted")
                try first.takeEnvelope(isPipelined: true)
                try client.expect("250 2.1.5 recipient\r\n")
                try client.send("DATA\r\n")
                try first.takeMessage(from: client)
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try first.expect("XFORWARD HELO=client.example\r\n\(Said.mail)\r\n\(Said.rcpt)\r\n")
                try first.send("250 noted\r\n")
                first.close()
                let second = try relay.introducedUpstream(offer)
                try second.answer("XFORWARD HELO=client.example", "250 noted")
                try second.takeEnvelope(isPipelined: true)
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// What only closes while nobody looks is gone before it is taken.
        @Test func aServerThatLeavesIsDialledAgain() throws {
            try withRelay(Self.setup()) { relay in
                try session(relay).close()
                relay.settle()
                _ = try session(relay)
            }
        }

        /// What dies in the moment that it is taken is replaced unseen.
        @Test func aServerThatLeavesAtMAILIsDialledAgain() throws {
            try withRelay(Self.setup()) { relay in
                let upstream = try session(relay)
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.expect(Said.mail + "\r\n")
                upstream.close()
                try relay.introducedUpstream().takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test func afterSoManyMessagesItEnds() throws {
            try withRelay(Self.setup { $0.upstream.reuse.messagesMax = 2 }) { relay in
                let upstream = try session(relay)
                _ = try session(relay, over: upstream)
                try upstream.expect("QUIT\r\n")
                try upstream.expectEnd()
                _ = try session(relay)
            }
        }

        /// Also within one session, and as the server itself says (RFC 9422).
        @Test(arguments: [true, false]) func afterSoManyMessagesOfOneSessionItEnds(_ isServersWish: Bool) throws {
            let setup = Self.setup { if !isServersWish { $0.upstream.reuse.messagesMax = 1 } }
            try withRelay(setup) { relay in
                let offer = isServersWish ? ["LIMITS MAILMAX=1"] : []
                let (client, upstream) = try relay.data(offer)
                try client.send(Said.body + Said.end)
                try upstream.expect(Said.body + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.expect("QUIT\r\n")
                try relay.introducedUpstream(offer).takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        /// Whose server was told of the client is nobody else's.
        enum Knowledge: CaseIterable {
            case proxyHeader, xclient, clientsName, credentials
        }

        @Test(arguments: Knowledge.allCases) func isNotTakenByOthersWhereItKnowsItsClient(
            _ knowledge: Knowledge
        ) throws {
            let setup = Self.setup { setup in
                switch knowledge {
                case .proxyHeader: setup.upstream.proxyHeader = OutgoingProxyHeader(version: .v1)
                case .xclient: break
                case .clientsName: setup.upstream.usesClientsName = true
                case .credentials:
                    setup.authenticateAll()
                    setup.upstream.authenticatesClients = true
                }
            }
            try withRelay(setup) { relay in
                for _ in 1...2 {
                    let client = try relay.introducedClient()
                    if knowledge == .credentials {
                        try client.ask(
                            "AUTH PLAIN \(EnvelopeAuthenticationTests.plain)", EnvelopeAuthenticationTests.success)
                    }
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(Said.rcpt + "\r\n")
                    let upstream = try relay.upstream()
                    if knowledge == .proxyHeader { #expect(try upstream.line().hasPrefix("PROXY TCP4 ")) }
                    try upstream.send(Dialogue.greeting)
                    let name = knowledge == .clientsName ? "client.example" : "relay.example"
                    try upstream.answer(
                        "EHLO \(name)",
                        Peer.ehloReply(
                            ["XCLIENT HELO", "AUTH PLAIN"].filter {
                                knowledge == .xclient
                                    ? $0 == "XCLIENT HELO" : knowledge == .credentials && $0 == "AUTH PLAIN"
                            }))
                    if knowledge == .xclient {
                        try upstream.answer("XCLIENT HELO=client.example", "220 mx.example")
                        try upstream.answer("EHLO client.example", "250 mx.example")
                    }
                    if knowledge == .credentials {
                        try upstream.answer("AUTH PLAIN \(EnvelopeAuthenticationTests.plain)", "235 ok")
                    }
                    try upstream.takeEnvelope()
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.send("DATA\r\n")
                    try upstream.takeMessage(from: client)
                    try client.ask("QUIT", "221 2.0.0 Bye")
                    try upstream.expect("QUIT\r\n")
                    try upstream.expectEnd()
                    try client.isLeft()
                }
            }
        }
    }
}
