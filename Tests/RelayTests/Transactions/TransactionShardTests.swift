import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// A server has one limit of connections for all shards, and each shard keeps its own.
    @Suite struct TransactionShardTests {
        /// Two relays are two shards of one process, whose only server takes so many connections.
        private func with(
            connectionsMax: Int = 1, wait: Duration = .seconds(60), _ body: (TestRelay, TestRelay) throws -> Void
        ) throws {
            let setup = Setup.transactions { setup in
                setup.upstream.reuse = UpstreamSettings.ReusePolicy()
                setup.upstream.reuse.idleTimeout = .seconds(600)
                setup.upstream.connectionsMax = connectionsMax
                setup.upstream.waitTimeout = wait
            }
            try withRelay(setup) { one in
                var second = setup
                second.use([one.server.address])
                try withRelay(second, beside: one) { two in
                    try body(one, two)
                    // The limit is one, and so is the count.
                    one.retirePool()
                    try one.clear()
                }
            }
        }

        /// A client whose recipient the upstream is to be asked about.
        private func asking(_ relay: TestRelay) throws -> Peer {
            let client = try relay.introducedClient()
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            relay.settle()
            return client
        }

        /// The rest of that client's session.
        private func deliver(_ client: Peer, over upstream: Peer, _ relay: TestRelay) throws {
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.takeMessage(from: client)
            try client.ask("QUIT", "221 2.0.0 Bye")
            try client.isLeft()
            _ = try relay.record()
        }

        /// As the upstream: it was in nobody's use, and is let go of.
        private func isLetGo(_ upstream: Peer) throws {
            try upstream.expect("QUIT\r\n")
            try upstream.expectEnd()
        }

        /// Also where sessions do not wait for others to end.
        @Test(arguments: [Duration.seconds(60), .zero])
        func whatAnotherShardKeepsMakesRoom(wait: Duration) throws {
            try with(wait: wait) { one, two in
                var kept: Peer?
                for relay in [one, two, one, two] {
                    let client = try asking(relay)
                    if let kept { try isLetGo(kept) }
                    let upstream = try relay.introducedUpstream()
                    try deliver(client, over: upstream, relay)
                    #expect(one.tallies[0].connections == 1 && one.tallies[0][.idle] == 1)
                    kept = upstream
                }
                #expect(one.tallies[0][.connects] == 4 && one.tallies[0][.reuses] == 0)
            }
        }

        @Test func ownConnectionsAreUsedBeforeOthersAreWanted() throws {
            try with { one, two in
                let client = try asking(one)
                let upstream = try one.introducedUpstream()
                try deliver(client, over: upstream, one)
                try deliver(try asking(one), over: upstream, one)
                #expect(one.tallies[0][.reuses] == 1)
                let other = try asking(two)
                try isLetGo(upstream)
                try deliver(other, over: two.introducedUpstream(), two)
            }
        }

        /// It is waited for as ever, and what comes free on one shard is told to the other.
        @Test func whatIsInUseStays() throws {
            try with { one, two in
                let first = try asking(one)
                let upstream = try one.introducedUpstream()
                let second = try asking(two)
                #expect(try one.isUpstreamAlone)
                try deliver(first, over: upstream, one)
                try isLetGo(upstream)
                try deliver(second, over: two.introducedUpstream(), two)
            }
        }

        /// Of one in use and one kept, the one that is kept.
        @Test func onlyWhatNobodyUsesMakesRoom() throws {
            try with(connectionsMax: 2) { one, two in
                let first = try asking(one)
                let used = try one.introducedUpstream()
                let second = try asking(one)
                let kept = try one.introducedUpstream()
                try deliver(second, over: kept, one)
                let third = try asking(two)
                try isLetGo(kept)
                try deliver(third, over: two.introducedUpstream(), two)
                try deliver(first, over: used, one)
            }
        }

        /// Whoever is next, all are served.
        @Test func theShardsWaitForEachOther() throws {
            try with { one, two in
                var clients: [Peer] = []
                for relay in [one, one, two, two, one] {
                    let client = try relay.introducedClient()
                    try client.ask("MAIL FROM:<\(clients.count)@example.org>", "250 2.1.0 Ok")
                    try client.send(Said.rcpt + "\r\n")
                    clients.append(client)
                    relay.settle()
                }
                var places = Set(clients.indices)
                while !places.isEmpty {
                    let upstream = try one.introducedUpstream()
                    let mail = try upstream.line()
                    let place = try #require(places.first { mail == "MAIL FROM:<\($0)@example.org>" })
                    places.remove(place)
                    try upstream.send("250 2.1.0 sender\r\n")
                    try upstream.answer(Said.rcpt, "250 2.1.5 recipient")
                    let client = clients[place]
                    try client.expect("250 2.1.5 recipient\r\n")
                    try client.send("DATA\r\n")
                    try upstream.takeMessage(from: client)
                    try client.ask("QUIT", "221 2.0.0 Bye")
                    if !places.isEmpty { try isLetGo(upstream) }
                }
            }
        }

        // MARK: Sessions between two messages

        /// The rest of a message, behind which the client stays.
        private func stay(_ client: Peer, over upstream: Peer) throws {
            try upstream.takeEnvelope()
            try client.expect("250 2.1.5 recipient\r\n")
            try client.send("DATA\r\n")
            try upstream.takeMessage(from: client)
        }

        /// The client's next message.
        private func askAgain(_ client: Peer) throws {
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
        }

        @Test func whoDoesNotNeedItsConnectionHandsItOver() throws {
            try with { one, _ in
                let clients = [try asking(one), try one.introducedClient()]
                let upstream = try one.introducedUpstream()
                try stay(clients[0], over: upstream)
                for turn in 1...4 {
                    try askAgain(clients[turn % 2])
                    try stay(clients[turn % 2], over: upstream)
                }
                #expect(one.tallies[0][.connects] == 1 && one.tallies[0][.reuses] == 4)
                try clients[1].ask("QUIT", "221 2.0.0 Bye")
                try clients[0].ask("QUIT", "221 2.0.0 Bye")
            }
        }

        @Test func whoDoesNotNeedItsConnectionMakesRoomForAnotherShard() throws {
            try with { one, two in
                let first = try asking(one)
                var upstream = try one.introducedUpstream()
                try stay(first, over: upstream)
                let second = try asking(two)
                try isLetGo(upstream)
                upstream = try two.introducedUpstream()
                try stay(second, over: upstream)
                try askAgain(first)
                try isLetGo(upstream)
                upstream = try one.introducedUpstream()
                try deliver(first, over: upstream, one)
            }
        }

        /// A server that has something to forget is nobody else's, nor is one that knows its client.
        @Test(arguments: [true, false]) func whatIsNoOneElsesEnds(_ knowsClient: Bool) throws {
            try with { one, _ in
                let first = try asking(one)
                let upstream = try one.introducedUpstream(knowsClient ? ["XCLIENT HELO"] : [])
                if knowsClient {
                    try upstream.answer("XCLIENT HELO=client.example", "220 mx.example")
                    try upstream.answer("EHLO client.example", "250 mx.example")
                    try stay(first, over: upstream)
                } else {
                    try upstream.takeEnvelope()
                    try first.expect("250 2.1.5 recipient\r\n")
                    try first.ask("RSET", "250 2.0.0 Ok")
                }
                let second = try asking(one)
                try isLetGo(upstream)
                try deliver(second, over: one.introducedUpstream(), one)
            }
        }

        /// A message that has begun comes to its end first.
        @Test(arguments: [true, false]) func whatCarriesAMessageStays(isAnotherShards: Bool) throws {
            try with { one, two in
                let first = try asking(one)
                let upstream = try one.introducedUpstream()
                try upstream.takeEnvelope()
                try first.expect("250 2.1.5 recipient\r\n")
                let other = isAnotherShards ? two : one
                let second = try asking(other)
                #expect(upstream.isQuiet)
                try first.send("DATA\r\n")
                try upstream.answer("DATA", "354 go on")
                try first.expect(Said.startData + "\r\n")
                try first.send(Said.body)
                try upstream.expect(Said.body)
                other.settle()
                #expect(try upstream.isQuiet && one.isUpstreamAlone)
                try first.send(Said.end)
                try upstream.expect(Said.end)
                try upstream.send("250 ok\r\n")
                try first.expect("250 ok\r\n")
                try isLetGo(upstream)
                try deliver(second, over: other.introducedUpstream(), other)
            }
        }

        @Test func whereThereIsRoomEachKeepsItsOwn() throws {
            try with(connectionsMax: 2) { one, _ in
                let clients = [try asking(one), try one.introducedClient()]
                let own = try one.introducedUpstream()
                try stay(clients[0], over: own)
                try askAgain(clients[1])
                let other = try one.introducedUpstream()
                try stay(clients[1], over: other)
                try askAgain(clients[0])
                try stay(clients[0], over: own)
                try askAgain(clients[1])
                try stay(clients[1], over: other)
                #expect(one.tallies[0][.reuses] == 0)
            }
        }

        /// Who waits for one server does not keep those from another who stand behind.
        @Test func whoWaitsForAnotherServerIsPassed() throws {
            let servers = try (0..<2).map { _ in try LoopbackServer() }
            let setup = Setup.transactions { setup in
                setup.use(servers.map(\.address))
                setup.route(to: servers.map(\.address))
                setup.upstream.connectionsMax = 1
                setup.upstream.waitTimeout = .seconds(600)
            }
            try withRelay(setup) { relay in
                func recipient(_ place: Int) -> String { "RCPT TO:<\(place == 0 ? "a" : "b")@example.com>" }
                func asking(_ place: Int) throws -> Peer {
                    let client = try relay.introducedClient()
                    try client.ask(Said.mail, "250 2.1.0 Ok")
                    try client.send(recipient(place) + "\r\n")
                    relay.settle()
                    return client
                }
                func taken(_ client: Peer, _ place: Int) throws -> Peer {
                    let upstream = relay.remembered(try servers[place].accept())
                    try upstream.greet([])
                    try upstream.takeEnvelope(rcpt: recipient(place))
                    try client.expect("250 2.1.5 recipient\r\n")
                    return upstream
                }
                let first = try asking(0)
                _ = try taken(first, 0)
                let second = try asking(1)
                _ = try taken(second, 1)
                let waiting = try (0..<2).map { try asking($0) }
                second.close()
                _ = try taken(waiting[1], 1)
                first.close()
                _ = try taken(waiting[0], 0)
            }
        }
    }
}
