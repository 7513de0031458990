import Glibc
import Ring
import Settings
import TLS
import TestSupport
import Testing

@testable import Service

/// The process's life, in a process that has others to live: servers run on threads here.
@Suite(.serialized) struct ServerTests {
    @Test func servesAndDrains() throws {
        let server = try TestServer()
        let client = try server.client()
        let upstream = try server.upstream.accept()
        try upstream.send("220 mx.example ESMTP\r\n")
        try client.expect("220 mx.example ESMTP\r\n")
        try client.send("EHLO c\r\n")
        try upstream.expect("EHLO c\r\n")
        try upstream.send("250 mx.example\r\n")
        try client.expect("250-mx.example\r\n250 STARTTLS\r\n")
        try client.send("STARTTLS\r\n")
        try client.expect("220 2.0.0 Ready to start TLS\r\n")
        try client.secure(.only(.tls13))
        try client.send("MAIL FROM:<>\r\n")
        try upstream.expect("MAIL FROM:<>\r\n")

        server.signal(SIGTERM)
        _ = try server.log.message("draining")
        try upstream.send("250 Ok\r\n")
        try client.expect("250 Ok\r\n")
        try client.finish()
        try upstream.expectEnd()
        try upstream.finish()
        try client.expectEnd()
        #expect(server.end() == .drained)
        #expect(try server.log.session().end == "completed by client")
        #expect(try server.log.message("ended").contains("\"sessions_left\":\"0\""))
    }

    @Test(arguments: [1, 2, 3]) func listensOnPortsOfTheSystemsChoice(shards: Int) throws {
        let server = try TestServer(
            ServerSetup { setup in
                setup.shards = shards
                setup.listen = ["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"]
            })
        let addresses = server.started.addresses
        #expect(addresses.count == 3)
        #expect(addresses.allSatisfy { $0.port != 0 })
        #expect(addresses[1].octets.count == 16)
        for index in [0, 2] {
            let client = try server.client(listener: index)
            let upstream = try server.upstream.accept()
            try upstream.send("220 Hello\r\n")
            try client.expect("220 Hello\r\n")
        }
        for address in addresses { _ = try server.log.message("listening on \(address)") }
        #expect(server.drain() == .drained)
    }

    // MARK: Shards

    @Test func shardsShareTheSessionsOfTheirOwnSockets() throws {
        let counts = try sessionsOfEachShard(of: TestServer())
        // Six times the deviation that chance has, which is 10.
        #expect(counts.values.allSatisfy { (140...260).contains($0) }, "\(counts)")
    }

    @Test func shardsTakeTurnsOnASocketHandedIn() throws {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        defer { socket.close() }
        let counts = try sessionsOfEachShard(of: TestServer(handedIn: ["mx": [socket]]))
        #expect(counts == ["0": 200, "1": 200])
    }

    /// Has 400 clients connect at once, and counts where their sessions were.
    private func sessionsOfEachShard(of server: TestServer) throws -> [String: Int] {
        var peers: [Peer] = []
        for _ in 0..<400 { peers.append(try server.client()) }
        for _ in 0..<400 { peers.append(try server.upstream.accept()) }
        for peer in peers { peer.close() }
        var counts: [String: Int] = [:]
        for _ in 0..<400 { counts[try server.log.session()["shard"] ?? "none", default: 0] += 1 }
        #expect(server.drain() == .drained)
        return counts
    }

    @Test func allShardsTogetherHaveSoManySessions() throws {
        let server = try TestServer(ServerSetup { $0.maxSessions = 3 })
        let clients = try (0..<3).map { _ in try server.client() }
        let upstreams = try (0..<3).map { _ in try server.upstream.accept() }
        for _ in 0..<4 {
            let client = try server.client()
            try client.expect("421 4.3.2 Too many sessions, try again later\r\n")
            try client.expectEnd()
        }
        server.signal(SIGUSR1)
        #expect(try server.log.message("sessions_refused").contains("} 4"))
        for peer in clients + upstreams { peer.close() }
        #expect(server.drain() == .drained)
    }

    // MARK: The service manager

    /// What a manager would be told, one message after the other.
    private final class Manager: Sendable {
        let told = BlockingQueue<String>(limit: 10_000)

        var notifier: SystemdNotifier {
            SystemdNotifier(watchdogLimit: .milliseconds(30)) { [told] in _ = told.push($0) }
        }

        /// The next message that begins so.
        func next(_ start: String) throws -> String {
            while let message = told.pop() {
                if message.hasPrefix(start) { return message }
            }
            throw Peer.Failure(description: "the queue was closed")
        }
    }

    @Test func theManagerIsTold() throws {
        let manager = Manager()
        let server = try TestServer(notifier: manager.notifier)
        #expect(try manager.next("READY") == "READY=1\nSTATUS=0 sessions, 0 a minute, 1 of 1 server up")
        _ = try manager.next("WATCHDOG=1")
        let client = try server.client()
        let peer = try server.greeted(client)
        #expect(try manager.next("STATUS=") == "STATUS=1 session, 1 a minute, 1 of 1 server up")
        #expect(try server.reload(ServerSetup()).isDone)
        #expect(try manager.next("RELOADING").hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(try manager.next("READY").hasPrefix("READY=1\nSTATUS=1 session, "))
        #expect(try !server.reload(ServerSetup { $0.runtime = "shads = 1" }).isDone)
        #expect(try manager.next("RELOADING").hasPrefix("RELOADING=1\n"))
        #expect(try manager.next("READY").hasPrefix("READY=1\n"))
        try client.send("EHLO client.example\r\n")
        try peer.expect("EHLO client.example\r\n")
        server.signal(SIGTERM)
        #expect(try manager.next("STOPPING").hasPrefix("STOPPING=1\nSTATUS=draining, 1 session left, 29 s at most"))
        _ = try manager.next("EXTEND_TIMEOUT_USEC=10000000")
        _ = try manager.next("WATCHDOG=1")
        peer.close()
        client.close()
        #expect(server.end() == .drained)
    }

    // MARK: The end

    @Test(arguments: [SIGTERM, SIGINT]) func aDrainTellsTheClientsThatCanHear(_ number: Int32) throws {
        let server = try TestServer()
        let clients = try (0..<8).map { _ in try server.client() }
        let upstreams = try (0..<8).map { _ in try server.upstream.accept() }
        server.signal(number)
        for client in clients {
            #expect(try client.line().hasPrefix("421 4.3.2 Service shutting down ["))
            try client.expectEnd()
            client.close()
        }
        for upstream in upstreams { try upstream.expectEnd() }
        #expect(server.end() == .drained)
        #expect(throws: (any Error).self) { try server.client() }
    }

    @Test func aDrainEndsSessionsAtItsDeadline() throws {
        let server = try TestServer(ServerSetup { $0.drainTimeout = "200ms" })
        let client = try server.client()
        let upstream = try server.upstream.accept()
        try upstream.send("220 Hello\r\n")
        try client.expect("220 Hello\r\n")
        try client.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        server.signal(SIGTERM)
        try client.expectEnd()
        try upstream.expectEnd()
        #expect(server.end() == .drained)
        #expect(try server.log.session().end == "drained by mailrace")
    }

    /// A health check is under way, and the name server says nothing.
    @Test func theEndDoesNotWaitForANameServer() throws {
        let names = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(names) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(names, raw, length) == 0 && getsockname(names, raw, &length) == 0
            } ? UInt16(bigEndian: pointer.pointee.sin_port) : 0
        }
        try #require(port != 0)
        let server = try TestServer(
            ServerSetup { setup in
                setup.shards = 1
                setup.upstreamName = "mx.example"
                setup.dns = "servers = [\"127.0.0.1:\(port)\"]\ntimeout = \"30s\""
                setup.health = "interval = \"6s\", timeout = \"6s\""
            })
        var query: UInt8 = 0
        #expect(recv(names, &query, 1, 0) == 1)
        let start = Instant.current()
        #expect(server.drain() == .drained)
        #expect(Instant.current().nanoseconds(since: start) < 5_000_000_000)
    }

    @Test func theSecondSignalEndsAtOnce() async {
        // What is cut off stays behind: in a process of its own.
        await #expect(processExitsWith: .success) {
            let server = try TestServer()
            let client = try server.client()
            let upstream = try server.upstream.accept()
            try upstream.send("220 Hello\r\n")
            try client.expect("220 Hello\r\n")
            try client.send("HELO c\r\n")
            try upstream.expect("HELO c\r\n")
            server.signal(SIGTERM)
            server.signal(SIGINT)
            try #require(server.end() == .stopped(SIGINT))
        }
    }

    // MARK: What cannot be

    @Test(arguments: [1, 2]) func anAddressInUseIsNamed(shards: Int) throws {
        let other = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        defer { other.close() }
        #expect(throws: Refusal("listener mx: cannot listen on \(other.address): Address already in use")) {
            try refused(
                ServerSetup { setup in
                    setup.shards = shards
                    setup.listen = ["127.0.0.1:0", "\(other.address)"]
                })
        }
    }

    /// The ports of several shards are shared, but not with another server.
    @Test(arguments: [1, 2]) func aSecondServerIsRefused(shards: Int) throws {
        let server = try TestServer()
        let address = server.started.addresses[0]
        #expect(throws: Refusal("listener mx: cannot listen on \(address): Address already in use")) {
            try refused(
                ServerSetup { setup in
                    setup.shards = shards
                    setup.listen = ["\(address)"]
                })
        }
        #expect(server.drain() == .drained)
    }

    @Test func whatWasBoundBeforeARefusalIsFreeAgain() throws {
        let free = try LoopbackServer.closedAddress()
        let other = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        #expect(throws: Refusal.self) {
            try refused(ServerSetup { $0.listen = ["\(free)", "\(other.address)"] })
        }
        other.close()
        let server = try TestServer(ServerSetup { $0.listen = ["\(free)"] })
        #expect(server.drain() == .drained)
    }

    @Test func aCertificateThatCannotBeUsedIsAProblemOfItsKey() throws {
        let error = #expect(throws: Refusal.self) { try refused(ServerSetup { $0.certificate = "no certificate\n" }) }
        #expect(error?.reason.contains("tls.default") == true)
        #expect(error?.reason.contains("chain.pem") == true)
    }

    private struct Refusal: Error, Equatable {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// Starts a server that should not start.
    private func refused(_ setup: ServerSetup) throws {
        do {
            _ = try TestServer(setup).drain()
        } catch let failure as Server.StartFailure {
            switch failure {
            case .unavailable(let lack): throw Refusal(lack.reason)
            case .configuration(let problems): throw Refusal(problems.description)
            }
        } catch let problems as SettingsProblems {
            throw Refusal(problems.description)
        }
    }
}
