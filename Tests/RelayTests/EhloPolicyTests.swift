import Relay
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What becomes of the upstream's capabilities on their way to the client, for each policy, before and inside the
    /// client's TLS, and with the upstream's own TLS on or off.
    @Suite struct EhloPolicyTests {
        typealias Edit = ListenerSettings.EHLOPolicy.Edit

        struct Fixture: Sendable, CustomStringConvertible {
            let reply: String
            /// With STARTTLS put in, and taken out.
            let (injected, stripped): (String, String)

            var description: String { reply }

            func edited(_ edit: Edit) -> String {
                switch edit {
                case .inject: injected
                case .strip: stripped
                case .pass: reply
                }
            }
        }

        static let fixtures = [
            Fixture(reply: "250 mx\r\n", injected: "250-mx\r\n250 STARTTLS\r\n", stripped: "250 mx\r\n"),
            Fixture(reply: "250\r\n", injected: "250-\r\n250 STARTTLS\r\n", stripped: "250\r\n"),
            Fixture(
                reply: "250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", injected: "250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n",
                stripped: "250-mx\r\n250 SIZE\r\n"),
            Fixture(
                reply: "250-mx\r\n250-SIZE\r\n250 starttls\r\n", injected: "250-mx\r\n250-SIZE\r\n250 starttls\r\n",
                stripped: "250-mx\r\n250 SIZE\r\n"),
            Fixture(
                reply: "250-mx\r\n250 STARTTLSX\r\n", injected: "250-mx\r\n250-STARTTLSX\r\n250 STARTTLS\r\n",
                stripped: "250-mx\r\n250 STARTTLSX\r\n"),
            Fixture(
                reply: "250-STARTTLS\r\n250 XSTARTTLS\r\n",
                injected: "250-STARTTLS\r\n250-XSTARTTLS\r\n250 STARTTLS\r\n",
                stripped: "250-STARTTLS\r\n250 XSTARTTLS\r\n"),
        ]

        private func setup(
            _ isUpstreamSecure: Bool, _ starttls: ListenerSettings.StartTLSPolicy = .offer,
            _ change: (inout ListenerSettings.EHLOPolicy) -> Void
        ) -> Setup {
            .upstreamTLS(isUpstreamSecure ? .required : .off, starttls) { change(&$0.listener.ehlo) }
        }

        /// A session whose upstream is to answer the EHLO that the client will see the reply to.
        private func asked(_ relay: TestRelay, _ isUpstreamSecure: Bool) throws -> Dialogue {
            isUpstreamSecure ? try Dialogue(relay, upstream: .upstream()) : try Dialogue(relay, upTo: .ehloSent)
        }

        @Test(arguments: fixtures, [true, false])
        func beforeTheClientsTLS(_ fixture: Fixture, _ isUpstreamSecure: Bool) throws {
            for edit in [Edit.inject, .strip, .pass] {
                try withRelay(setup(isUpstreamSecure) { $0.beforeTLS = edit }) { relay in
                    let dialogue = try asked(relay, isUpstreamSecure)
                    try dialogue.answer(fixture.reply, relayedAs: fixture.edited(edit))
                    // Whatever is listed, STARTTLS is ours.
                    try dialogue.client.send("STARTTLS\r\n")
                    try dialogue.client.expect(Dialogue.ready)
                }
            }
        }

        @Test(arguments: fixtures, [true, false])
        func insideTheClientsTLS(_ fixture: Fixture, _ isUpstreamSecure: Bool) throws {
            for edit in [Edit.strip, .pass, .inject] {
                try withRelay(setup(isUpstreamSecure) { $0.insideTLS = edit }) { relay in
                    let dialogue = try asked(relay, isUpstreamSecure)
                    try dialogue.answer("250 mx\r\n", relayedAs: "250-mx\r\n250 STARTTLS\r\n")
                    try dialogue.client.send("STARTTLS\r\n")
                    try dialogue.client.expect(Dialogue.ready)
                    try dialogue.client.secure(.only(.tls13))
                    try dialogue.say(Dialogue.ehlo)
                    // A second layer of TLS is never offered as our own.
                    let shown = edit == .inject ? fixture.stripped : fixture.edited(edit)
                    try dialogue.answer(fixture.reply, relayedAs: shown)
                    try dialogue.quit()
                }
            }
        }

        /// A listener without TLS injects nothing; it may pass the upstream's STARTTLS, or hide it.
        @Test(arguments: fixtures, [true, false])
        func whereTheListenerHasNoTLS(_ fixture: Fixture, _ isUpstreamSecure: Bool) throws {
            for edit in [Edit.inject, .strip, .pass] {
                try withRelay(setup(isUpstreamSecure, .off) { $0.beforeTLS = edit }) { relay in
                    let dialogue = try asked(relay, isUpstreamSecure)
                    let shown = edit == .pass ? fixture.reply : fixture.stripped
                    try dialogue.answer(fixture.reply, relayedAs: shown)
                    try dialogue.exchange("STARTTLS\r\n", "502 5.5.1 No\r\n")
                    try dialogue.quit()
                }
            }
        }

        /// TLS of the client and of the upstream, end to end through a listener that has none.
        @Test func whatIsPassedTheClientMayUse() throws {
            try withRelay(Setup(.off)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                try dialogue.exchange("STARTTLS\r\n", Dialogue.goAhead)
                let hello = try Peer.clientHello(.only(.tls13))
                try dialogue.client.sendRaw(hello)
                try dialogue.upstream.expect(hello)
                dialogue.upstream.close()
                dialogue.client.close()
                #expect(try relay.record()["tls"] == nil)
            }
        }

        @Test(arguments: [true, false]) func whatIsHiddenIsHiddenEverywhere(_ isUpstreamSecure: Bool) throws {
            let reply = "250-SIZE\r\n250-size 10\r\n250-SIZES\r\n250-AUTH PLAIN\r\n250 CHUNKING\r\n"
            let shown = "250-SIZE\r\n250-SIZES\r\n250 AUTH PLAIN"
            try withRelay(
                setup(isUpstreamSecure) { $0.hidden = Set(["SIZE", "CHUNKING"].compactMap { Capability($0) }) }
            ) { relay in
                let dialogue = try asked(relay, isUpstreamSecure)
                try dialogue.answer(reply, relayedAs: "250-SIZE\r\n250-SIZES\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
                try dialogue.client.send("STARTTLS\r\n")
                try dialogue.client.expect(Dialogue.ready)
                try dialogue.client.secure(.only(.tls13))
                try dialogue.say(Dialogue.ehlo)
                try dialogue.answer(reply, relayedAs: shown + "\r\n")
            }
        }

        // MARK: What is not edited

        @Test(
            arguments: ["550-STARTTLS\r\n550 STARTTLS\r\n", "451 STARTTLS\r\n", "251-mx\r\n251 STARTTLS\r\n"],
            [true, false])
        func onlyA250IsEdited(_ reply: String, _ isUpstreamSecure: Bool) throws {
            for edit in [Edit.inject, .strip, .pass] {
                try withRelay(
                    setup(isUpstreamSecure) { policy in
                        policy.beforeTLS = edit
                        policy.hidden = [.starttls]
                    }
                ) { relay in
                    let dialogue = try asked(relay, isUpstreamSecure)
                    try dialogue.answer(reply)
                    try dialogue.exchange(Dialogue.ehlo, reply)
                }
            }
        }

        @Test(
            arguments: ["25\r\n", "2\r\n", "\r\n", "250-mx\r\n25\r\n", "abc\r\n", "250-a\r\n251 b\r\n"], [true, false])
        func whatIsNoReplyEndsTheSession(_ reply: String, _ isUpstreamSecure: Bool) throws {
            try withRelay(setup(isUpstreamSecure) { _ in }) { relay in
                let dialogue = try asked(relay, isUpstreamSecure)
                try dialogue.upstream.send(reply)
                try dialogue.isGivenUp()
            }
        }

        /// 64 lines of 1,024 bytes are 65,536. What is taken out makes no room: the limit is the upstream's.
        @Test(arguments: [0, 13, 14]) func theLimitHoldsForTheSecondReply(_ room: Int) throws {
            try withRelay(setup(true) { _ in }) { relay in
                let dialogue = try asked(relay, true)
                let line = "250-" + String(repeating: "x", count: 1018) + "\r\n"
                let last = "250 " + String(repeating: "x", count: 1018 - room) + "\r\n"
                try dialogue.upstream.send(String(repeating: line, count: 63) + last)
                if room < 14 { return try dialogue.isGivenUp() }
                let edited = String(repeating: line, count: 63) + "250-" + last.dropFirst(4) + "250 STARTTLS\r\n"
                try dialogue.client.expect(edited)
            }
        }

        /// The offer in the clear has the same limits, though the client never sees it.
        @Test(arguments: [63, 64]) func theLimitHoldsForTheOffer(_ lines: Int) throws {
            try withRelay(setup(true) { _ in }) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                let line = "250-" + String(repeating: "x", count: 1018) + "\r\n"
                try dialogue.upstream.send(String(repeating: line, count: lines) + "250 STARTTLS\r\n")
                if lines > 63 { return try dialogue.isGivenUp() }
                try dialogue.upstream.expect("STARTTLS\r\n")
            }
        }
    }
}
