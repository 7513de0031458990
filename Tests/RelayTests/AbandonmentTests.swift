import Relay
import Ring
import TestSupport
import Testing

extension RelaySuites {
    /// Whoever leaves, however and whenever: the upstream sees what the client sent and nothing else, above all no end
    /// of a message; both connections end, and the log says how and who.
    @Suite struct AbandonmentTests {
        @Test(arguments: Departure.allCases, Moment.all)
        func somebodyLeaves(_ departure: Departure, _ moment: Moment) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: moment.point, moment.security)
                switch departure {
                case .clientResets: dialogue.client.reset()
                case .clientCloses: try dialogue.client.finish()
                case .clientClosesWithoutNotice: dialogue.client.finishRaw()
                case .upstreamResets: dialogue.upstream.reset()
                case .upstreamCloses: try dialogue.upstream.finish()
                }
                try departure.isOfClient ? upstreamIsLeft(dialogue, departure, moment) : clientIsLeft(dialogue, moment)
                let record = try relay.record()
                // A reset may overtake the news of the connection itself: then nobody was ever connected.
                if departure == .upstreamResets, moment.point == .connected, record.phase == "connect" {
                    #expect(record.end == "upstream_unreachable by upstream")
                } else {
                    #expect(record.end == expectedEnd(departure, moment))
                    #expect(record.phase == expectedPhase(departure, moment))
                }
                if departure.isOfClient { try dialogue.upstream.expectEnd() }
            }
        }

        /// The upstream sees the end, no byte before it; where bytes go both ways it is left to end its own direction.
        private func upstreamIsLeft(_ dialogue: Dialogue, _ departure: Departure, _ moment: Moment) throws {
            try dialogue.upstream.expectEnd()
            if moment.isHandedOff { try dialogue.upstream.finish() }
            if departure != .clientResets { try dialogue.client.expectEnd() }
        }

        /// The client sees the end; before the hand-off a 421 first.
        private func clientIsLeft(_ dialogue: Dialogue, _ moment: Moment) throws {
            if moment.point == .readyForTLS { try dialogue.secure() }
            if !moment.isHandedOff {
                let line = try dialogue.client.line()
                #expect(line.hasPrefix("421 4.3.2 Service not available ["))
            }
            try dialogue.client.expectEnd()
            try? dialogue.client.finish()
        }

        private func expectedEnd(_ departure: Departure, _ moment: Moment) -> String {
            switch (departure, moment.isHandedOff) {
            case (.clientResets, _), (.clientCloses, false), (.clientClosesWithoutNotice, false):
                if moment.point == .readyForTLS { return "tls_failed by client" }
                return departure == .clientResets ? "client_reset by client" : "client_closed by client"
            case (.clientCloses, true), (.clientClosesWithoutNotice, true): return "completed by client"
            case (.upstreamResets, _): return "upstream_reset by upstream"
            case (.upstreamCloses, true): return "completed by upstream"
            case (.upstreamCloses, false): return "upstream_closed by upstream"
            }
        }

        /// During a handshake nobody looks at the upstream: its leave is found afterwards.
        private func expectedPhase(_ departure: Departure, _ moment: Moment) -> String {
            moment.point == .readyForTLS && !departure.isOfClient ? "ehlo_tls" : moment.point.phase(moment.security)
        }

        @Test(arguments: Moment.all) func nobodySpeaks(_ moment: Moment) throws {
            let setup = { (short: Duration) in
                Setup { setup in
                    setup.timeouts.greeting = moment.point == .connected ? short : .seconds(30)
                    setup.timeouts.reply = [.ehloSent, .ehloSentAgain].contains(moment.point) ? short : .seconds(30)
                    setup.timeouts.command =
                        [.greeted, .ehloAnswered, .secured].contains(moment.point) ? short : .seconds(30)
                    setup.timeouts.tlsHandshake = moment.point == .readyForTLS ? short : .seconds(30)
                    setup.timeouts.passthroughIdle = short
                }
            }
            try hurrying(upTo: moment.point, moment.security, with: setup) { relay, dialogue, _ in
                let (end, text) = silence(moment)
                if let text {
                    let line = try dialogue.client.line()
                    #expect(line.hasPrefix(text))
                }
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                try? dialogue.client.finish()
                let record = try relay.record()
                #expect(record.end == end)
                #expect(record.phase == moment.point.phase(moment.security))
            }
        }

        /// How a session ends in which nobody says anything more, and what the client is told.
        private func silence(_ moment: Moment) -> (end: String, text: String?) {
            if moment.isHandedOff { return ("idle_timeout by mailrace", nil) }
            return switch moment.point {
            case .connected, .ehloSent, .ehloSentAgain:
                ("reply_timeout by upstream", "421 4.3.2 Service not available [")
            case .readyForTLS: ("tls_timeout by client", nil)
            default: ("command_timeout by client", "421 4.4.2 Idle timeout, closing connection [")
            }
        }

        @Test(arguments: Security.allCases) func aMessageInFlightIsNeverCompleted(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .dataAnswered, security)
                let begun = dialogue.upstream.received.count
                let line = "A line of a message that does not end here.\r\n"
                let body = Array(repeatElement(line, count: 200_000).joined().utf8)
                // The upstream does not read, so that all queues on the way are full when the client resets.
                try dialogue.client.sendWhatFits(dialogue.client.sealed(body))
                dialogue.client.reset()
                _ = try dialogue.upstream.readToEnd()
                #expect(try relay.record().end == "client_reset by client")
                let message = dialogue.upstream.received[begun...]
                #expect(!message.isEmpty && body.starts(with: message))
            }
        }

        @Test(arguments: Security.allCases) func aMessageCutByAFINArrivesAsFarAsItWent(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .dataAnswered, security)
                let body = Array(
                    repeatElement("A line of a message that does not end here.\r\n", count: 20_000).joined().utf8)
                let sending = dialogue.client.sendInBackground(body)
                try dialogue.upstream.expect(body)
                sending.join()
                dialogue.client.finishRaw()
                try dialogue.upstream.expectEnd()
                dialogue.upstream.close()
                #expect(try relay.record().end == "completed by client")
            }
        }

        @Test(arguments: [true, false]) func halfARecordIsNoPartOfTheMessage(resets: Bool) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .bodyBegun, .tls13)
                let record = dialogue.client.sealed(Array("the rest\r\n.\r\n".utf8))
                try dialogue.client.sendRaw(Array(record.dropLast()))
                relay.settle()
                if resets { dialogue.client.reset() } else { dialogue.client.finishRaw() }
                try dialogue.upstream.expectEnd()
                dialogue.upstream.close()
                _ = try relay.record()
            }
        }

        @Test func aForgedRecordEndsTheSessionAndGoesNowhere() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .terminatorBegun, .tls13)
                var record = dialogue.client.sealed(Array("\r\n".utf8))
                record[record.count - 1] ^= 1
                try dialogue.client.sendRaw(record)
                try dialogue.upstream.expectEnd()
                #expect(try relay.record().end == "tls_failed by client")
            }
        }
    }
}

/// How one of the two leaves.
enum Departure: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case clientResets, clientCloses, clientClosesWithoutNotice, upstreamResets, upstreamCloses

    var isOfClient: Bool { [.clientResets, .clientCloses, .clientClosesWithoutNotice].contains(self) }
    var testDescription: String { rawValue }
}

/// Where a session stands, with or without TLS.
struct Moment: Sendable, CustomTestStringConvertible {
    let point: Point
    let security: Security

    var isHandedOff: Bool { point.isHandedOff(security) }
    var testDescription: String { "\(point), \(security)" }

    /// Without the moments at which nothing is different yet.
    static let all = [Security.plaintext, .tls13].flatMap { security in
        Point.allCases.filter { security == .plaintext ? !$0.isOfTLS : $0 > .ehloAnswered }.map {
            Moment(point: $0, security: security)
        }
    }
}
