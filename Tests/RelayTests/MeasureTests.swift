import Policy
import Relay
import Ring
import Telemetry
import TestSupport
import Testing

@testable import Relay

extension RelaySuites {
    /// What is measured of sessions, and what is told of those that go on.
    @Suite struct MeasureTests {
        private func count(_ relay: TestRelay, _ histogram: Histogram) -> UInt64 {
            relay.counters.value(of: histogram).total
        }

        @Test func eachCommandBeforeTheHandOffHasOneTime() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                #expect(count(relay, .commandDuration) == 0 && count(relay, .upstreamConnect) == 1)
                try dialogue.client.send("NOOP\r\n")
                _ = try dialogue.client.line()
                try dialogue.client.send("\r\n")
                _ = try dialogue.client.line()
                relay.settle()
                #expect(count(relay, .commandDuration) == 1)
                try dialogue.step(to: .ehloSent)
                relay.settle()
                #expect(count(relay, .commandDuration) == 1)
                try dialogue.step(to: .ehloAnswered)
                relay.settle()
                #expect(count(relay, .commandDuration) == 2)
                // It is handed off with the session, and nobody sees its reply.
                try dialogue.step(to: .mailAnswered)
                try dialogue.quit()
                _ = try relay.record()
                #expect(count(relay, .commandDuration) == 2)
                let commands: [CountedCommand: UInt64] = [.noop: 1, .ehlo: 1, .mail: 1]
                for command in CountedCommand.allCases {
                    #expect(relay.counters.value(of: command) == commands[command] ?? 0, "\(command)")
                }
            }
        }

        @Test func aCommandThatEndsTheSessionHasATimeToo() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send("FROB x\r\n")
                _ = try dialogue.client.line()
                dialogue.client.close()
                _ = try relay.record()
                #expect(count(relay, .commandDuration) == 1 && relay.counters.value(of: CountedCommand.other) == 1)
            }
        }

        @Test func handshakesAndSessionsAreMeasuredOnce() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .secured, .tls13)
                relay.settle()
                #expect(count(relay, .downstreamTLSHandshake) == 1 && count(relay, .sessionDuration) == 0)
                dialogue.client.close()
                _ = try relay.record()
                #expect(count(relay, .downstreamTLSHandshake) == 1 && count(relay, .sessionDuration) == 1)
                #expect(count(relay, .upstreamTLSHandshake) == 0)
            }
        }

        @Test func sessionsTellWhereTheyStandTheOldestFirst() throws {
            try withRelay { relay in
                let first = try Dialogue(relay, upTo: .mailAnswered)
                let second = try Dialogue(relay, upTo: .ehloAnswered)
                let third = try relay.client()
                _ = try relay.upstream()
                let (sessions, count) = relay.oldestSessions(2)
                #expect(count == 3)
                #expect(sessions.map(\.record.phase) == [.passthrough, .starttls])
                #expect(sessions.map(\.record.greetingName) == ["client.example", "client.example"])
                #expect(sessions[0].bytesReceived > UInt64(Dialogue.ehlo.utf8.count) && sessions[0].bytesSent > 0)
                #expect(relay.oldestSessions(10).sessions.last?.record.greetingName == nil)
                #expect(relay.oldestSessions(0).sessions.isEmpty)
                first.client.close()
                second.client.close()
                third.close()
            }
        }

        @Test func whatAClientCallsItselfIsCut() throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                try dialogue.client.send("EHLO \(String(repeating: "x", count: 900))\r\n")
                _ = try dialogue.upstream.line()
                #expect(relay.oldestSessions(1).sessions[0].record.greetingName == String(repeating: "x", count: 64))
                dialogue.client.close()
            }
        }

        @Test func visitorsComeAndGoWithTheirSessions() throws {
            try withRelay(Setup { $0.limits.sessionsPerAddressMax = 1 }) { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                let refused = try relay.client()
                _ = try refused.line()
                refused.close()
                _ = try relay.record()
                #expect(
                    relay.limits.visitors.top(9) == [
                        Visitors.Visitor(address: "127.0.0.1", sessions: 1, begun: 1, refused: 1)
                    ])
                dialogue.client.close()
                _ = try relay.record()
                #expect(relay.limits.visitors.top(9).map(\.sessions) == [0])
            }
        }
    }
}

@Suite struct VisitorsTests {
    private func key(_ number: Int) -> AddressKey {
        AddressKey(
            SocketAddress(
                octets: [10, UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)], port: 1))
    }

    @Test func whoComesOftenIsFoundAmongManyWhoComeOnce() {
        let visitors = Visitors()
        for number in 0..<100_000 {
            visitors.refuse(key(number))
            // One in twenty is of the same address: more than a 64th.
            if number % 20 == 0 { visitors.refuse(key(200_000)) }
            if number % 20 == 10 { visitors.end(visitors.begin(key(200_001))) }
        }
        let top = visitors.top(Visitors.addressesMax)
        #expect(top.count == Visitors.addressesMax)
        let often = top.first { $0.address == "10.3.13.64" }
        #expect(often?.refused ?? 0 >= 4_000)
        #expect(top.contains { $0.address == "10.3.13.65" && $0.begun >= 4_000 && $0.sessions == 0 })
    }

    @Test func aSessionWhoseAddressLostItsPlaceTakesNothingFromTheNext() {
        let visitors = Visitors()
        let visit = visitors.begin(key(1))
        for number in 2..<20_000 { visitors.refuse(key(number)) }
        #expect(!visitors.top(Visitors.addressesMax).contains { $0.address == "10.0.0.1" })
        visitors.end(visit)
        #expect(visitors.top(Visitors.addressesMax).allSatisfy { $0.sessions == 0 })
    }

    @Test func theOrderIsThatOfTheSessionsThenOfTheRefusals() {
        let visitors = Visitors()
        for _ in 0..<5 { visitors.refuse(key(1)) }
        _ = visitors.begin(key(2))
        for _ in 0..<2 { _ = visitors.begin(key(3)) }
        for _ in 0..<7 { visitors.refuse(key(4)) }
        #expect(visitors.top(9).map(\.address) == ["10.0.0.3", "10.0.0.2", "10.0.0.4", "10.0.0.1"])
        #expect(visitors.top(1).count == 1 && visitors.top(0).isEmpty && visitors.top(-1).isEmpty)
    }

    @Test func sitesOfIPv6AreOneAndMappedAddressesAreIPv4() {
        let visitors = Visitors()
        let site: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2]
        for end in 0..<3 as Range<UInt8> {
            visitors.refuse(AddressKey(SocketAddress(octets: site + [0, 0, 0, 0, 0, 0, 0, end], port: 1)))
        }
        let mapped = [UInt8](repeating: 0, count: 10) + [255, 255, 192, 0, 2, 1]
        visitors.refuse(AddressKey(SocketAddress(octets: mapped, port: 1)))
        #expect(visitors.top(9).map(\.address) == ["2001:db8:1:2::/64", "192.0.2.1"])
        #expect(visitors.top(9).map(\.refused) == [3, 1])
    }

    @Test func anyThreadMayCount() {
        let visitors = Visitors()
        let threads = (0..<4).map { thread in
            Thread.start(name: "shard") {
                for number in 0..<5_000 {
                    let visit = visitors.begin(self.key(number % 100))
                    if number % 3 == thread % 3 { visitors.refuse(self.key(number)) }
                    visitors.end(visit)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(visitors.top(Visitors.addressesMax).allSatisfy { $0.sessions == 0 })
    }
}

@Suite struct OldestTests {
    @Test(arguments: [0, 1, 2, 3, 10, 99, 100, 101, 1000]) func areThoseOfSorting(_ limit: Int) {
        var random = SystemRandomNumberGenerator()
        let starts = (0..<100).map { _ in Int64.random(in: 0..<1_000_000, using: &random) }
        var oldest = Oldest<Int64>(limit)
        for start in starts { oldest.add(start, start: start) }
        #expect(oldest.take() == Array(starts.sorted().prefix(limit)))
    }
}
