import Policy
import Ring
import Testing
import Wire

/// Who comes too often.
@Suite struct RateLimitTests {
    /// The codes of what a limit says to one client after the other; 0 where it lets it pass.
    private static func codes(
        _ stage: Stage, _ clients: [SocketAddress], _ change: @Sendable (inout RateLimitTable.Values) -> Void
    ) async throws -> [Int] {
        var values = RateLimitTable.Values()
        values.period = .seconds(3600)
        change(&values)
        return try await onShard { [values] shard in
            let limit = RateLimit("rate", values, RateLimitTable(), on: shard.ring)
            let gate = StageGate([StageGate.Entry(limit)])
            var codes: [Int] = []
            for client in clients {
                switch await gate.check(stage, sessionFacts(from: client)) {
                case .accept: codes.append(0)
                case .refuse(let reply, by: _), .unavailable(let reply, by: _): codes.append(reply.code)
                }
            }
            return codes
        }
    }

    private static func ipv4(_ last: UInt8, port: UInt16 = 1) -> SocketAddress {
        SocketAddress(octets: [192, 0, 2, last], port: port)
    }

    private static func ipv6(_ site: UInt8, _ host: UInt8) -> SocketAddress {
        let octets: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, site, 0, 0, 0, 0, 0, 0, 0, host]
        return SocketAddress(octets: octets, port: 1)
    }

    @Test func anAddressMayComeSoOften() async throws {
        let clients = [Self.ipv4(1, port: 1), Self.ipv4(1, port: 2), Self.ipv4(2), Self.ipv4(1, port: 3), Self.ipv4(2)]
        #expect(try await Self.codes(.connect, clients) { $0.connectionsMax = 2 } == [0, 0, 0, 421, 0])
    }

    @Test func messagesHaveALimitOfTheirOwn() async throws {
        let clients = [SocketAddress](repeating: Self.ipv4(1), count: 3)
        #expect(try await Self.codes(.mail, clients) { $0.messagesMax = 2 } == [0, 0, 450])
        #expect(try await Self.codes(.mail, clients) { $0.connectionsMax = 1 } == [0, 0, 0])
        #expect(try await Self.codes(.connect, clients) { $0.messagesMax = 1 } == [0, 0, 0])
    }

    @Test func aSiteOfIPv6CountsAsOne() async throws {
        let clients = [Self.ipv6(1, 1), Self.ipv6(1, 2), Self.ipv6(2, 1)]
        #expect(try await Self.codes(.connect, clients) { $0.connectionsMax = 1 } == [0, 421, 0])
    }

    @Test func someAreNotCounted() async throws {
        let clients = [SocketAddress](repeating: Self.ipv4(1), count: 3)
        let codes = try await Self.codes(.connect, clients) {
            $0.connectionsMax = 1
            $0.exempt = [IPNetwork(octets: [192, 0, 2, 0], prefixLength: 24)!]
        }
        #expect(codes == [0, 0, 0])
        let unix = [SocketAddress](repeating: SocketAddress(unix: "/x")!, count: 2)
        #expect(try await Self.codes(.connect, unix) { $0.connectionsMax = 1 } == [0, 0])
    }

    @Test func aPeriodEnds() async throws {
        let clients = [SocketAddress](repeating: Self.ipv4(1), count: 3)
        let codes = try await Self.codes(.connect, clients) {
            $0.connectionsMax = 1
            $0.period = .zero
        }
        #expect(codes == [0, 0, 0])
    }
}
