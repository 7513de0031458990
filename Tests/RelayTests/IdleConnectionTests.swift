import Lookup
import Ring
import Telemetry
import TestSupport
import Testing

@testable import Relay

extension RelaySuites {
    /// Connections that no session has: who gets them, and when they go.
    @Suite struct IdleConnectionTests {
        private func with(_ change: (inout UpstreamSettings) -> Void = { _ in }, _ body: (PoolRig) throws -> Void)
            throws
        {
            let rig = try PoolRig(change)
            let before = rig.remains
            do { try body(rig) } catch {
                _ = Unmanaged.passRetained(rig)
                throw error
            }
            rig.closeHeld()
            rig.stopPool()
            try eventually { rig.remains == before }
            #expect(rig.tally.connections == 0 && rig.tally[.idle] == 0)
            rig.finish()
        }

        private func eventually(_ isSo: () -> Bool) throws {
            let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
            while !isSo() {
                guard Instant.current() < deadline else { throw Peer.Failure(description: "it never is") }
            }
        }

        @Test func theNextSessionHasTheConnection() throws {
            try with { rig in
                let peer = try #require(try rig.open())
                #expect(rig.keep())
                #expect(rig.tally[.idle] == 1 && rig.tally.connections == 1)
                #expect(rig.take())
                #expect(rig.tally[.idle] == 0 && rig.tally.connections == 1 && rig.tally[.reuses] == 1)
                #expect(!rig.take())
                rig.say("MAIL\r\n")
                try peer.expect("MAIL\r\n")
                try peer.send("250 ok\r\n")
                #expect(rig.hear() == "250 ok\r\n")
                peer.close()
            }
        }

        @Test func theNewestGoesFirstAndTheOldestMakesRoom() throws {
            try with({ $0.reuse.idleConnectionsMax = 2 }) { rig in
                var peers: [Peer] = []
                for _ in 0..<3 {
                    peers.append(try #require(try rig.open()))
                    #expect(rig.keep())
                }
                try peers[0].expect("QUIT\r\n")
                try peers[0].expectEnd()
                #expect(rig.tally[.idle] == 2 && rig.tally.connections == 2)
                for peer in peers[1...].reversed() {
                    #expect(rig.take())
                    rig.say("NOOP\r\n")
                    try peer.expect("NOOP\r\n")
                }
                for peer in peers { peer.close() }
            }
        }

        @Test func whoAsksForAnotherServerOrCertificateGetsNone() throws {
            try with { rig in
                let here = IdleConnection.Key(server: .socket(rig.server.address), verifiesTLS: nil)
                let peer = try #require(try rig.open(key: here))
                #expect(rig.keep())
                #expect(!rig.take())
                #expect(!rig.take(.init(server: here.server, verifiesTLS: true)))
                #expect(rig.take(here))
                peer.close()
            }
        }

        @Test("What the server says or does meanwhile is the end", arguments: ["421 4.3.2 bye\r\n", "", nil])
        func endings(_ text: String?) throws {
            try with { rig in
                let peer = try #require(try rig.open())
                #expect(rig.keep())
                switch text {
                case "": try peer.finish()
                case let text?: try peer.send(text)
                case nil: peer.reset()
                }
                try eventually { rig.tally[.idle] == 0 && rig.tally.connections == 0 }
                #expect(!rig.take())
                if text != nil {
                    try peer.expectEnd()
                    peer.close()
                }
            }
        }

        @Test(arguments: [true, false])
        func timeTakesThemAway(isIdle: Bool) throws {
            let change: (inout UpstreamSettings) -> Void = {
                if isIdle { $0.reuse.idleTimeout = .milliseconds(50) } else { $0.reuse.ageMax = .milliseconds(500) }
            }
            try with(change) { rig in
                let peer = try #require(try rig.open())
                #expect(rig.keep())
                try peer.expect("QUIT\r\n")
                try peer.expectEnd()
                try eventually { rig.tally[.idle] == 0 && rig.tally.connections == 0 }
                #expect(!rig.take())
                peer.close()
            }
        }

        @Test func whatHasServedItsTimeIsNotKept() throws {
            try with({ $0.reuse.messagesMax = 3 }) { rig in
                let peer = try #require(try rig.open(messages: 3))
                #expect(!rig.keep())
                try peer.expectEnd()
                let other = try #require(try rig.open(messages: 2))
                #expect(rig.keep())
                peer.close()
                other.close()
            }
            for change in [{ $0.reuse.idleConnectionsMax = 0 }, { $0.reuse.ageMax = .zero }]
                as [(inout UpstreamSettings) -> Void]
            {
                try with(change) { rig in
                    let peer = try #require(try rig.open())
                    #expect(!rig.keep())
                    peer.close()
                }
            }
        }

        @Test func whereTheServerIsFullAndSomebodyWaitsTheOldestGoes() throws {
            try with({ $0.connectionsMax = 2 }) { rig in
                let peers = try (0..<2).map { _ in try #require(try rig.open()) }
                #expect(try rig.open() == nil)
                #expect(rig.keep())
                #expect(rig.tally.connections == 2 && rig.tally[.idle] == 1)
                // Of another shard.
                let other = rig.tally.places.join { _ in }
                rig.tally.places.raiseWaiting(other)
                #expect(rig.keep())
                #expect(rig.tally.connections == 1 && rig.tally[.idle] == 1)
                try peers[1].expect("QUIT\r\n")
                try peers[1].expectEnd()
                rig.tally.places.lowerWaiting(other)
                for peer in peers { peer.close() }
            }
        }

        /// Here they are for others than those who want to connect.
        @Test func anIdleConnectionMakesRoomForAnother() throws {
            try with({ $0.connectionsMax = 2 }) { rig in
                let here = IdleConnection.Key(server: .socket(rig.server.address), verifiesTLS: nil)
                let idle = try #require(try rig.open(key: here))
                #expect(rig.keep())
                let one = try #require(try rig.open())
                #expect(rig.tally.connections == 2)
                let other = try #require(try rig.open())
                try idle.expect("QUIT\r\n")
                try idle.expectEnd()
                #expect(rig.tally.connections == 2 && rig.tally[.idle] == 0)
                #expect(try rig.open() == nil)
                for peer in [idle, one, other] { peer.close() }
            }
        }

        @Test func theEndOfThePoolIsToldToThem() throws {
            try with { rig in
                let peers = try (0..<3).map { _ in
                    let peer = try #require(try rig.open())
                    #expect(rig.keep())
                    return peer
                }
                rig.stopPool()
                for peer in peers {
                    try peer.expect("QUIT\r\n")
                    try peer.expectEnd()
                }
                #expect(rig.tally.connections == 0)
                let late = try #require(try rig.open())
                #expect(!rig.keep())
                for peer in peers + [late] { peer.close() }
            }
        }
    }
}
