import TLS
import TestSupport
import Testing

extension RelaySuites {
    /// Nothing that was said in the clear counts inside TLS.
    @Suite struct InjectionTests {
        static let command = "MAIL FROM:<injected@example.org>\r\n"

        @Test(arguments: [command, "M", "\r\n", "\0", "STARTTLS\r\n"])
        func bytesInTheSameSegmentEndTheSession(_ injected: String) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n" + injected)
                try dialogue.isTurnedAway("503 5.5.0 Improper command pipelining", "bad_pipeline by client")
            }
        }

        @Test(arguments: [true, false]) func bytesInTheNextSegmentAreNoHandshake(waits: Bool) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.client.send("STARTTLS\r\n")
                if waits { relay.settle() }
                try dialogue.client.send(Self.command)
                let heard = try dialogue.client.readToEnd()
                let record = try relay.record()
                if record.end == "tls_failed by client" {
                    #expect(heard.starts(with: Array(Dialogue.ready.utf8)))
                    #expect(record["tls_failure"] == "not_tls")
                } else {
                    // Both segments were read at once.
                    #expect(!waits && record.end == "bad_pipeline by client")
                }
                try dialogue.upstream.expectEnd()
            }
        }

        @Test(arguments: [Security.tls12, .tls13]) func bytesDuringTheHandshakeBreakIt(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .readyForTLS, security)
                #expect(throws: (any Error).self) {
                    try dialogue.client.secure(.only(security.version ?? .tls13)) { hello in
                        try dialogue.client.sendRaw(hello + Array(Self.command.utf8))
                    }
                    try dialogue.client.expectEnd()
                    throw TLSFailure.closed
                }
                try dialogue.upstream.expectEnd()
                #expect(try relay.record().end == "tls_failed by client")
            }
        }

        @Test func plaintextBehindTheHandshakeBreaksTheSession() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .secured, .tls13)
                try dialogue.client.sendRaw(Array(Self.command.utf8))
                try dialogue.upstream.expectEnd()
                #expect(try relay.record().phase == "ehlo_tls")
            }
        }

        @Test func theFirstCommandsInsideTLSMayComeWithTheHandshake() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .secured, .tls13)
                try dialogue.say("MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\n")
                try dialogue.answer("250 Ok\r\n503 No\r\n")
                try dialogue.quit()
            }
        }

        @Test func nothingOfTheTimeBeforeIsRepeated() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered, .tls13)
                try dialogue.client.send("NOOP\r\n")
                try dialogue.client.expect("250 2.0.0 Ok\r\n")
                try dialogue.client.send("\r\n")
                #expect(try dialogue.client.line().hasPrefix("500 "))
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.client.expect(Dialogue.ready)
                try dialogue.secure()
                try dialogue.say("EHLO inside.example\r\n")
                try dialogue.answer("250-mx.example\r\n250 STARTTLS\r\n", relayedAs: "250 mx.example\r\n")
                try dialogue.quit()
                let sent = Dialogue.ehlo + "EHLO inside.example\r\nQUIT\r\n"
                #expect(dialogue.upstream.received.elementsEqual(sent.utf8))
            }
        }

        @Test(arguments: [Point.readyForTLS, .secured])
        func whatTheUpstreamInjectsIsNotShownInsideTLS(_ point: Point) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: point, .tls13)
                try dialogue.upstream.send("250 injected\r\n")
                if point == .readyForTLS { try dialogue.secure() }
                try dialogue.client.expectEnd()
                #expect(try relay.record().end == "upstream_desync by upstream")
            }
        }
    }
}
