import Relay
import Ring
import TLS
import TestSupport
import Testing

extension RelaySuites {
    /// What MAIL and RCPT ask for, and servers that cannot give it.
    @Suite struct TransactionParameterTests {
        @Test(
            arguments: zip(
                [
                    "MAIL FROM:<a@example.org> SIZE=101", "MAIL FROM:<a@example.org> COLOUR=red",
                    "MAIL FROM:<a@example.org> SIZE=x",
                ],
                [
                    "552 5.3.4 Message too large", "555 5.5.4 Parameter not supported",
                    "501 5.5.4 Value of a parameter not valid",
                ]))
        func mailIsRefused(_ mail: String, _ reply: String) throws {
            try withRelay(.transactions { $0.transactions.messageBytesMax = 100 }) { relay in
                let client = try relay.introducedClient()
                try client.ask(mail, reply)
                try client.ask(Said.rcpt, "503 5.5.1 Bad sequence of commands")
                try client.ask(Said.mail + " SIZE=100", "250 2.1.0 Ok")
            }
        }

        @Test func mailComesOnce() throws {
            try withRelay(.transactions()) { relay in
                let (client, upstream) = try relay.transaction()
                try client.ask(Said.mail, "503 5.5.1 Bad sequence of commands")
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect(Said.startData + "\r\n")
            }
        }

        /// What the client says, what the server lists, and what it hears.
        static let passed: [(mail: String, offer: [String], passed: String)] = [
            (" SIZE=10 BODY=8BITMIME", ["SIZE 1000", "8BITMIME"], " SIZE=10 BODY=8BITMIME"),
            (" SIZE=10 BODY=7BIT", [], ""),
            (" BODY=7BIT", ["8BITMIME"], " BODY=7BIT"),
            (" SMTPUTF8", ["SMTPUTF8"], " SMTPUTF8"),
            (" RET=HDRS ENVID=x", ["DSN"], " RET=HDRS ENVID=x"),
            (" AUTH=<>", ["AUTH PLAIN"], ""),
            (" BODY=BINARYMIME", ["BINARYMIME", "CHUNKING"], " BODY=BINARYMIME"),
        ]

        @Test(arguments: passed.indices) func isPassedToThoseWhoKnowIt(_ index: Int) throws {
            let (mail, offer, passed) = Self.passed[index]
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                _ = try relay.transaction(offer, mail: Said.mail + mail, passedAs: Said.mail + passed)
            }
        }

        static let missed: [(mail: String, rcpt: String, offer: [String], reply: String)] = [
            (" SMTPUTF8", "", ["8BITMIME"], "550 5.6.7 Upstream does not take SMTPUTF8"),
            (" BODY=8BITMIME", "", [], "554 5.6.3 Upstream does not take 8-bit content"),
            (" BODY=BINARYMIME", "", ["BINARYMIME"], "554 5.6.3 Upstream does not take binary content"),
            (" RET=FULL", "", [], "555 5.5.4 Parameter not supported"),
            ("", " NOTIFY=NEVER", [], "555 5.5.4 Parameter not supported"),
            (" REQUIRETLS", "", ["REQUIRETLS"], "550 5.7.30 REQUIRETLS support required"),
            (" SIZE=11", "", ["SIZE 10"], "552 5.3.4 Message too large"),
        ]

        /// The connection is none the worse for it.
        @Test(arguments: missed.indices) func isRefusedWhereTheServerDoesNot(_ index: Int) throws {
            let (mail, rcpt, offer, reply) = Self.missed[index]
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail + mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + rcpt + "\r\n")
                let upstream = try relay.introducedUpstream(offer)
                try client.expectReply(reply)
                try client.ask("RSET", "250 2.0.0 Ok")
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.send(Said.rcpt + "\r\n")
                try upstream.takeEnvelope()
                try client.expect("250 2.1.5 recipient\r\n")
            }
        }

        @Test func aLaterRecipientMayAskForTooMuch() throws {
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                let (client, upstream) = try relay.transaction()
                try client.ask("RCPT TO:<b@example.com> NOTIFY=NEVER", "555 5.5.4 Parameter not supported")
                try client.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try client.expect(Said.startData + "\r\n")
            }
        }

        /// Binary content has no lines: only as chunks does it come through.
        @Test func binaryContentStaysAsItIs() throws {
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                let (client, upstream) = try relay.transaction(
                    ["BINARYMIME", "CHUNKING"], mail: Said.mail + " BODY=BINARYMIME")
                try client.send("BDAT 6 LAST\r\n\n\0\r\u{7f}.\n")
                try upstream.expect("BDAT 6 LAST\r\n\n\0\r\u{7f}.\n")
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }

        @Test func binaryContentIsNotForDATA() throws {
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                let (client, _) = try relay.transaction(
                    ["BINARYMIME", "CHUNKING"], mail: Said.mail + " BODY=BINARYMIME")
                try client.ask("DATA", "503 5.5.1 Bad sequence of commands")
            }
        }

        // MARK: What was not offered

        static let notOffered = [
            "BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8", "RET=HDRS", "ENVID=x", "REQUIRETLS", "BY=100;R",
            "MT-PRIORITY=3",
        ]

        /// It is not worth an upstream's time.
        @Test(arguments: notOffered) func mailAsksForNothingElse(_ parameter: String) throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask("\(Said.mail) \(parameter)", "555 5.5.4 Parameter not supported")
                #expect(try relay.isUpstreamAlone)
            }
            try withRelay(.transactions { $0.offerEverything() }) { relay in
                let client = try relay.introducedClient()
                try client.ask("\(Said.mail) \(parameter)", "250 2.1.0 Ok")
            }
        }

        @Test func rcptAsksForNothingElse() throws {
            try withRelay(.transactions()) { relay in
                let client = try relay.introducedClient()
                try client.ask(Said.mail, "250 2.1.0 Ok")
                try client.ask(Said.rcpt + " NOTIFY=NEVER", "555 5.5.4 Parameter not supported")
                #expect(try relay.isUpstreamAlone)
            }
        }

        /// These ask for nothing that there would have to be.
        @Test(arguments: ["SIZE=5", "BODY=7BIT", "body=7bit SIZE=5", "AUTH=<>"])
        func someNeedNoOffer(_ parameters: String) throws {
            try withRelay(.transactions()) { relay in
                try relay.introducedClient().ask("\(Said.mail) \(parameters)", "250 2.1.0 Ok")
                // Nor anybody who would ask for one.
                try relay.greetedClient().ask("\(Said.mail) \(parameters)", "250 2.1.0 Ok")
            }
        }

        /// An offer is that of the last greeting, and what was said outside TLS counts no more.
        @Test func anOfferDoesNotOutliveItsGreeting() throws {
            let mail = Said.mail + " BODY=8BITMIME"
            let refusal = "555 5.5.4 Parameter not supported"
            try withRelay(.transactions(.offer) { $0.offerEverything() }) { relay in
                let client = try relay.greetedClient()
                try client.ask(mail, refusal)
                try client.introduce()
                try client.ask(mail, "250 2.1.0 Ok")
                try client.ask("HELO client.example", "250 relay.example")
                try client.ask(mail, "555 Parameter not supported")
                try client.introduce()
                try client.ask("STARTTLS", "220 2.0.0 Ready to start TLS")
                try client.secure(.only(.tls13))
                try client.ask(mail, refusal)
                try client.introduce()
                try client.ask(mail, "250 2.1.0 Ok")
            }
        }

        /// What is found out later is for who comes later.
        @Test func whatWasNotKnownWasNotOffered() throws {
            try withRelay(.transactions()) { relay in
                let early = try relay.introducedClient()
                _ = try relay.transaction(["8BITMIME"])
                try early.ask(Said.mail + " BODY=8BITMIME", "555 5.5.4 Parameter not supported")
                try relay.introducedClient().ask(Said.mail + " BODY=8BITMIME", "250 2.1.0 Ok")
            }
        }
    }
}
