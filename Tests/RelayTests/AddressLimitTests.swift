import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// How many sessions an address has, how often it comes, and how long a session may take.
    @Suite struct AddressLimitTests {
        static let tooMany = "421 4.7.0 Too many sessions from your address ["
        static let tooOften = "421 4.7.0 Too many connections from your address, slow down ["

        private func isRefused(_ relay: TestRelay, _ reply: String) throws {
            let client = try relay.client()
            #expect(try client.line().hasPrefix(reply))
            try client.expectEnd()
            client.close()
            let record = try relay.record()
            #expect(
                record.end == (reply == Self.tooMany ? "refused_address by mailrace" : "refused_rate by mailrace")
                    && record["upstream"] == nil)
        }

        // MARK: How many

        @Test func aPlaceIsGivenBackWithTheSession() throws {
            try withRelay(Setup { $0.limits.sessionsPerAddressMax = 2 }) { relay in
                let first = try Dialogue(relay, upTo: .greeted)
                let second = try Dialogue(relay, upTo: .mailAnswered)
                for _ in 0..<3 { try isRefused(relay, Self.tooMany) }
                try second.quit()
                _ = try relay.record()
                _ = try Dialogue(relay, upTo: .greeted)
                try isRefused(relay, Self.tooMany)
                #expect(relay[.sessionsRefusedAddress] == 4)
                #expect(try !relay.server.isCalled(withinMilliseconds: 0))
                first.client.close()
            }
        }

        /// A listener has a limit of its own, or none at all.
        @Test(arguments: [1, 0]) func theListenersOwnLimitIsStronger(_ most: Int) throws {
            try withRelay(
                Setup { setup in
                    setup.limits.sessionsPerAddressMax = 2
                    setup.listener.sessionsPerAddressMax = most
                }
            ) { relay in
                _ = try Dialogue(relay, upTo: .greeted)
                if most == 1 { return try isRefused(relay, Self.tooMany) }
                for _ in 0..<4 { _ = try Dialogue(relay, upTo: .greeted) }
            }
        }

        @Test func someAreNotCounted() throws {
            try withRelay(
                Setup { setup in
                    setup.limits.sessionsPerAddressMax = 1
                    setup.limits.acceptsPerAddressMax = 1
                    setup.limits.exempt = [.of("127.0.0.0/8"), .of("::1")]
                }
            ) { relay in
                for _ in 0..<4 { _ = try Dialogue(relay, upTo: .greeted) }
                #expect(relay[.sessionsRefusedAddress] == 0 && relay[.sessionsRefusedRate] == 0)
            }
        }

        // MARK: How often

        @Test func whoComesTooOftenMayComeLater() throws {
            try withRelay(
                Setup { setup in
                    setup.limits.acceptsPerAddressMax = 2
                    setup.limits.acceptPeriod = .milliseconds(500)
                }
            ) { relay in
                for _ in 0..<2 { try Dialogue(relay, upTo: .mailAnswered).quit() }
                for _ in 0..<2 { _ = try relay.record() }
                try isRefused(relay, Self.tooOften)
                #expect(relay[.sessionsRefusedRate] == 1)
                // Knocking does not prolong the time.
                var isServed = false
                for _ in 0..<10_000 where !isServed {
                    let client = try relay.client()
                    isServed = try relay.reachesUpstream(client)
                    client.close()
                    // Unread lines would fill the pipe, and the log could not be closed.
                    if !isServed { _ = try relay.record() }
                }
                #expect(isServed)
            }
        }

        @Test func theRateOutlivesTheSessions() throws {
            try withRelay(Setup { $0.limits.acceptsPerAddressMax = 1 }) { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered)
                try isRefused(relay, Self.tooOften)
                try dialogue.quit()
                _ = try relay.record()
                try isRefused(relay, Self.tooOften)
            }
        }

        // MARK: Stress

        /// From 90 % of the sessions there may be, whoever is asked for a command has little time.
        @Test func whereThereIsLittleRoomThereIsLittleTime() throws {
            try withRelay(
                Setup { setup in
                    setup.limits.sessionsMax = 10
                    setup.timeouts.stressCommand = .milliseconds(200)
                }
            ) { relay in
                let before = try (0..<8).map { _ in try Dialogue(relay, upTo: .greeted) }
                let ninth = try Dialogue(relay, upTo: .greeted)
                #expect(try ninth.client.line().hasPrefix("421 4.4.2 Idle timeout"))
                ninth.client.close()
                #expect(try relay.record().end == "command_timeout by client")
                #expect(relay[.sessionsCommandTimeout] == 1)
                // With room again there is time again.
                for dialogue in before { try dialogue.say(Dialogue.ehlo) }
                let next = try Dialogue(relay, upTo: .connected)
                #expect(!next.client.hasInput(withinMilliseconds: 300))
            }
        }

        @Test func thatIsTenSecondsAndNeverMoreThanUsual() throws {
            #expect(ListenerSettings.Timeouts().stressCommand == .seconds(10))
            try withRelay(
                Setup { setup in
                    setup.limits.sessionsMax = 1
                    setup.timeouts.command = .milliseconds(200)
                }
            ) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                #expect(try dialogue.client.line().hasPrefix("421 4.4.2 Idle timeout"))
            }
        }

        @Test func whatIsHandedOffIsNotHurried() throws {
            let setup = { (short: Duration) in
                Setup { setup in
                    setup.limits.sessionsMax = 1
                    setup.timeouts.stressCommand = short
                }
            }
            try hurrying(upTo: .mailAnswered, with: setup) { _, dialogue, short in
                let longerMilliseconds = (short + .milliseconds(100)) / .milliseconds(1)
                #expect(!dialogue.client.hasInput(withinMilliseconds: Int32(longerMilliseconds)))
                try dialogue.quit()
            }
        }

        // MARK: After the hand-off

        /// Mailrace says nothing then: any word of ours might be taken for the upstream's.
        @Test func whoIsTooSlowIsClosedWithoutAWord() throws {
            let setup = { (short: Duration) in Setup { $0.listener.minimumRate = .init(bytes: 1000, period: short) } }
            try hurrying(upTo: .bodyBegun, with: setup) { relay, dialogue, _ in
                try dialogue.client.expectEnd()
                try dialogue.upstream.expectEnd()
                #expect(!dialogue.upstream.received.contains(Array("\r\n.\r\n".utf8)))
                #expect(try relay.record().end == "too_slow by mailrace")
                #expect(relay[.sessionsTooSlow] == 1)
            }
        }

        @Test func whoIsFastEnoughStays() throws {
            try withRelay(Setup { $0.listener.minimumRate = .init(bytes: 10, period: .seconds(1)) }) { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered)
                let end = Instant.current() + .milliseconds(2200)
                while Instant.current() < end { try dialogue.exchange("NOOP\r\n", "250 Ok\r\n") }
                try dialogue.quit()
                #expect(relay[.sessionsTooSlow] == 0)
            }
        }

        @Test func aSessionLivesForAsLongAsItMay() throws {
            let setup = { (short: Duration) in Setup { $0.timeouts.session = short } }
            try hurrying(upTo: .dataAnswered, with: setup) { relay, dialogue, _ in
                // Busy or not.
                while !dialogue.client.hasInput(withinMilliseconds: 10) { try? dialogue.client.send("x") }
                _ = try dialogue.client.readToEnd()
                _ = try dialogue.upstream.readToEnd()
                #expect(!dialogue.upstream.received.contains(Array("\r\n.\r\n".utf8)))
                #expect(try relay.record().end == "session_timeout by mailrace")
                #expect(relay[.sessionsSessionTimeout] == 1)
            }
        }
    }
}

extension TestRelay {
    /// True where the client gets to the upstream, false where it is turned away.
    fileprivate func reachesUpstream(_ client: Peer) throws -> Bool {
        while true {
            if try server.isCalled(withinMilliseconds: 1) {
                try upstream().close()
                return true
            }
            if client.hasInput(withinMilliseconds: 1) { return false }
        }
    }
}
