import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Which server a session goes to, and where it goes when that does not work.
    @Suite struct UpstreamPoolTests {
        static let unavailable = "421 4.3.2 Service not available ["

        static func setup(
            _ servers: Servers, _ balance: UpstreamSettings.Balance = .first, _ change: (inout Setup) -> Void = { _ in }
        ) -> Setup {
            Setup { setup in
                setup.use(servers.addresses)
                setup.upstream.balance = balance
                change(&setup)
            }
        }

        // MARK: Whose turn it is

        @Test func roundRobin() throws {
            let servers = try Servers(3)
            try withRelay(Self.setup(servers, .roundRobin)) { relay in
                let places = try (0..<9).map { _ in try servers.serve(relay).place }
                #expect(Set(places[..<3]).count == 3)
                #expect(places == Array(places[..<3] + places[..<3] + places[..<3]))
                #expect(places[1] == (places[0] + 1) % 3)
            }
        }

        @Test func leastSessions() throws {
            let servers = try Servers(3)
            try withRelay(Self.setup(servers, .leastSessions)) { relay in
                let first = try (0..<6).map { _ in try servers.serve(relay) }
                for place in 0..<3 { #expect(first.filter { $0.place == place }.count == 2) }
                // Two of one server end: the next two go there.
                for (place, session) in first where place == 1 { try session.end(relay) }
                #expect(try [servers.serve(relay).place, servers.serve(relay).place] == [1, 1])
            }
        }

        @Test func firstInOrder() throws {
            let servers = try Servers(3)
            try withRelay(Self.setup(servers)) { relay in
                for _ in 0..<4 {
                    let (place, _) = try servers.serve(relay)
                    #expect(place == 0)
                }
            }
        }

        @Test func hashClientStaysAndMovesLittle() throws {
            let servers = try Servers(3)
            let clients = (1...45).map { Proxied.client("192.0.2.\($0)") }
            func places(_ addresses: [SocketAddress]) throws -> [Int] {
                var places: [Int] = []
                try withRelay(
                    .behindProxy { setup in
                        setup.use(addresses)
                        setup.upstream.balance = .hashClient
                    }
                ) { relay in
                    places = try clients.map { client in
                        let (place, session) = try servers.serve(relay, behind: client)
                        try session.end(relay)
                        return place
                    }
                }
                return places
            }
            let before = try places(servers.addresses)
            for place in 0..<3 { #expect(before.filter { $0 == place }.count > 3) }
            // In another process, in another order.
            #expect(try places(servers.addresses.reversed()) == before)
            let after = try places(Array(servers.addresses[..<2]))
            for (old, new) in zip(before, after) where old != 2 { #expect(old == new) }
        }

        /// The client's port does not matter, nor which IPv6 form its address has.
        @Test func hashClientKnowsTheAddressAlone() throws {
            let servers = try Servers(3)
            try withRelay(
                .behindProxy { setup in
                    setup.use(servers.addresses)
                    setup.upstream.balance = .hashClient
                }
            ) { relay in
                let headers = (1...8).map { Proxied.v1("TCP4 192.0.2.7 192.0.2.200 \($0) 25") }
                let mapped = Proxied.v1("TCP6 ::ffff:192.0.2.7 2001:db8::2 9 25")
                let places = try (headers + [mapped]).map { try servers.serve(relay, behind: $0).place }
                #expect(Set(places).count == 1)
            }
        }

        // MARK: Another one

        /// What an upstream may do that has taken the connection and shows that it is of no use.
        enum Fault: CaseIterable, Sendable {
            case closes, resets, talksNonsense, isBusy, leaves, isSilent

            func show(_ upstream: Peer) throws {
                switch self {
                case .closes: upstream.close()
                case .resets: upstream.reset()
                case .talksNonsense: try upstream.send("hello\r\n")
                case .isBusy: try upstream.send("450 4.3.2 Busy\r\n")
                case .leaves: try upstream.send("421 4.3.2 Closing\r\n")
                case .isSilent: break
                }
            }
        }

        private static func faulty(_ servers: Servers, _ fault: Fault, retries: Int) -> Setup {
            setup(servers) { setup in
                setup.upstream.retries = retries
                if fault == .isSilent { setup.timeouts.greeting = .milliseconds(400) }
            }
        }

        @Test(arguments: Fault.allCases) func anotherIsTriedBeforeTheGreeting(_ fault: Fault) throws {
            let servers = try Servers(3)
            try withRelay(Self.faulty(servers, fault, retries: 1)) { relay in
                let client = try relay.client()
                let first = try servers.accept(relay)
                #expect(first.place == 0)
                try fault.show(first.peer)
                let second = try servers.accept(relay)
                #expect(second.place == 1)
                try second.peer.send("220 second.example\r\n")
                try client.expect("220 second.example\r\n")
                client.close()
                #expect(try relay.record()["upstream"] == "\(servers.addresses[1])")
                #expect(relay.tallies[0][.failures] == 1 && relay.tallies[1][.failures] == 0)
                #expect(relay[.sessionsUpstreamEarlyClose] == 0 && relay[.sessionsUpstreamBadReply] == 0)
                #expect(try !servers.areCalled())
            }
        }

        @Test(arguments: Fault.allCases, [0, 1, 2]) func noMoreThanMay(_ fault: Fault, _ retries: Int) throws {
            let servers = try Servers(4)
            try withRelay(Self.faulty(servers, fault, retries: retries)) { relay in
                let client = try relay.client()
                for place in 0...retries {
                    let next = try servers.accept(relay)
                    #expect(next.place == place)
                    try fault.show(next.peer)
                }
                // The last refusal is the client's to see.
                let expected =
                    switch fault {
                    case .isBusy: "450 4.3.2 Busy"
                    case .leaves: "421 4.3.2 Closing"
                    case .talksNonsense: "421 4.3.0 Upstream reply not valid ["
                    default: Self.unavailable
                    }
                #expect(try client.line().hasPrefix(expected))
                client.close()
                _ = try relay.record()
                #expect(try !servers.areCalled())
            }
        }

        /// Servers that do not take the connection do not count.
        @Test func refusedConnectionsAreNoRetries() throws {
            let closed = try (0..<3).map { _ in try LoopbackServer.closedAddress() }
            try withRelay(
                Setup { setup in
                    setup.upstream.retries = 0
                    setup.use(closed)
                }
            ) { relay in
                let client = try relay.client()
                #expect(try client.line().hasPrefix(Self.unavailable))
                #expect(relay.tallies.map { $0[.connectFailures] } == [1, 1, 1])
                #expect(relay[.sessionsUpstreamConnectFail] == 1 && relay[.downstreamCxNoRoute] == 1)
            }
        }

        @Test func aRefusalForGoodIsShown() throws {
            let servers = try Servers(2)
            try withRelay(Self.setup(servers)) { relay in
                let client = try relay.client()
                try servers.accept(relay).peer.send("554 5.7.1 Not you\r\n")
                try client.expect("554 5.7.1 Not you\r\n")
                #expect(try !servers.areCalled())
            }
        }

        @Test(arguments: [Fault.closes, .resets]) func aGreetingShownIsNeverRetried(_ fault: Fault) throws {
            let servers = try Servers(2)
            try withRelay(Self.setup(servers) { $0.upstream.retries = 5 }) { relay in
                let (_, session) = try servers.serve(relay)
                try fault.show(session.upstream)
                #expect(try session.client.line().hasPrefix(Self.unavailable))
                try session.client.expectEnd()
                session.client.close()
                _ = try relay.record()
                #expect(try !servers.areCalled())
                #expect(relay[.sessionsUpstreamEarlyClose] == 1)
            }
        }

        // MARK: Unix sockets

        @Test func aServerMayBeAUnixSocket() throws {
            let path = "/tmp/mailrace-test-\(UInt32.random(in: 0...(.max)))"
            let socket = try ListeningSocket.bind(#require(SocketAddress(unix: path)), sharesPort: false)
            defer { socket.close() }
            try withRelay(Setup { $0.use([socket.address]) }) { relay in
                let client = try relay.client()
                let upstream = relay.remembered(try Peer(accepting: socket))
                try upstream.send(Dialogue.greeting)
                try client.expect(Dialogue.greeting)
                client.close()
                #expect(try relay.record()["upstream"] == "unix:\(path)")
            }
        }
    }
}
