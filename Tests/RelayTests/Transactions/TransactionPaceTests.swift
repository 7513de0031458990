import Ring
import Telemetry
import TestSupport
import Testing

@testable import Relay

extension RelaySuites {
    /// A client has a message's time, but not for ever.
    @Suite struct TransactionPaceTests {
        @Test func waitsTakeAndBytesGive() {
            var pace = ClientPace(most: .seconds(10), bytesPerSecond: 100)
            let now = Instant.current()
            #expect(pace.waitEnd(from: now) == now + .seconds(10))
            pace.wait(.seconds(4))
            #expect(pace.waitEnd(from: now) == now + .seconds(6))
            #expect(pace.take(bytes: 150) == .milliseconds(1500))
            #expect(pace.waitEnd(from: now) == now + .milliseconds(7500))
            // Nobody earns more than there was.
            #expect(pace.take(bytes: 1 << 30) > .seconds(10))
            #expect(pace.waitEnd(from: now) == now + .seconds(10))
            pace.wait(.seconds(11))
            #expect(pace.waitEnd(from: now) == now)
            #expect(pace.take(bytes: .max) > .seconds(10))
            #expect(pace.isSilence(.seconds(5)) && !pace.isSilence(.milliseconds(4999)))
        }

        /// Where the bytes of a message come to.
        enum Way: CaseIterable {
            case data, refusedData, chunk, chunkAsData, refusedChunk
        }

        private func begin(_ way: Way, _ relay: TestRelay) throws -> (client: Peer, upstream: Peer?) {
            switch way {
            case .data: return try relay.data()
            case .refusedData:
                let (client, upstream) = try relay.data()
                try client.send("\n")
                try upstream.expectEnd()
                return (client, nil)
            case .chunk:
                let (client, upstream) = try relay.transaction(["CHUNKING"])
                try client.send("BDAT 1000000 LAST\r\n")
                return (client, upstream)
            case .chunkAsData:
                let (client, upstream) = try relay.transaction()
                try client.send("BDAT 1000000 LAST\r\n")
                try upstream.answer("DATA", "354 go on")
                return (client, upstream)
            case .refusedChunk:
                let client = try relay.introducedClient()
                try client.send("BDAT 1000000 LAST\r\n")
                return (client, nil)
            }
        }

        /// Each byte comes soon enough, the message never.
        @Test(arguments: Way.allCases) func aDripEnds(_ way: Way) throws {
            let setup = Setup.transactions { setup in
                setup.transactions.dataTimeout = .seconds(1)
                setup.transactions.bytesPerSecondMin = 1_000_000_000
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try begin(way, relay)
                while !client.hasInput(withinMilliseconds: 10) { try? client.send("x") }
                try client.expectReply("421 4.4.2 Timeout in the message, closing connection")
                client.close()
                _ = try upstream?.readToEnd()
                #expect(upstream?.received.contains(Array(Said.end.utf8)) != true)
                #expect(try relay.record().end == "too_slow by client")
                #expect(relay[.sessionsTooSlow] == 1 && relay[.sessionsCommandTimeout] == 0)
            }
        }

        @Test func whoIsSlowButSteadyStays() throws {
            let setup = Setup.transactions { setup in
                setup.transactions.dataTimeout = .seconds(1)
                setup.transactions.bytesPerSecondMin = 1
                // Neither is a long message a conversation that comes to nothing.
                setup.envelope.conversationTimeout = .seconds(2)
            }
            try withRelay(setup) { relay in
                let (client, upstream) = try relay.transaction()
                let end = Instant.current() + .milliseconds(2500)
                var sent = 0
                while Instant.current() < end {
                    try client.send("BDAT 1\r\nx")
                    if sent == 0 { try upstream.answer("DATA", "354 go on") }
                    try client.expectReply("250 2.0.0 1 octets received")
                    #expect(!client.hasInput(withinMilliseconds: 10))
                    sent += 1
                }
                try client.send("BDAT 0 LAST\r\n")
                try upstream.expect(String(repeating: "x", count: sent) + "\r\n" + Said.end)
                try upstream.send("250 ok\r\n")
                try client.expect("250 ok\r\n")
            }
        }
    }
}
