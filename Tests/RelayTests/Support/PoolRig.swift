import Lookup
import TLS
import Telemetry
import TestSupport
import Wire

@testable import Relay
@testable import Ring

/// A pool on a shard of its own, with one server that the test plays, and the connections that the test has taken of it.
final class PoolRig {
    let shard: Shard
    let server: LoopbackServer
    let tally: ServerTally
    private let thread: Thread
    private let log: LogPipe
    private let hosted: Pinned<Hosted>

    private final class Hosted {
        var pool: UpstreamPool?
        var resolver: Resolver?
        var held: [IdleConnection] = []
    }

    init(_ change: (inout UpstreamSettings) -> Void = { _ in }) throws {
        shard = try Shard(allowing: allowedFeatures)
        server = try LoopbackServer()
        log = try LogPipe(level: .debug)
        var settings = UpstreamSettings(name: "backend", servers: [.socket(server.address)])
        settings.health.probe = .off
        change(&settings)
        tally = ServerTally(upstream: "backend", server: server.address.description)
        thread = shard.start()
        hosted = Pinned(Hosted(), to: shard)
        shard.sync { [hosted, settings, tally, log = log.log] shard in
            let hosted = hosted.reached(on: shard)
            hosted.resolver = try? Resolver(shard.ring, ResolverConfiguration())
            guard let resolver = hosted.resolver else { preconditionFailure("no resolver") }
            hosted.pool = try? UpstreamPool(settings, on: shard, resolver: resolver, tallies: [tally], log: log)
        }
    }

    private static let client = ClientIdentity(source: SocketAddress.loopback(port: 9))

    /// A new connection, which the test holds; nil where the server has as many as it may.
    func open(messages: Int = 1, key: IdleConnection.Key = .init()) throws -> Peer? {
        let isOpen = shard.syncTask { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            guard let pool = hosted.pool else { return false }
            var candidates = pool.candidates(for: Self.client)
            guard case .server(let server) = pool.next(&candidates) else { return false }
            guard let stream = try? await pool.connect(to: server, within: .seconds(20), begun: { _ in }) else {
                preconditionFailure("the test's server is not there")
            }
            hosted.held.append(
                IdleConnection(
                    key: key, stream: stream, server: server, offer: .nothing, forwarded: nil, tls: nil,
                    opened: shard.ring.now, messages: messages))
            return true
        }
        return isOpen ? try server.accept() : nil
    }

    /// Gives the connection held last to the pool; false where it is not kept. It is closed then.
    func keep() -> Bool {
        shard.syncTask { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            guard let pool = hosted.pool, let connection = hosted.held.popLast() else { return false }
            if pool.keep(connection) { return true }
            await connection.stream.close()
            pool.giveBack(connection.server)
            return false
        }
    }

    /// Takes one; false where there is none.
    func take(_ key: IdleConnection.Key = .init()) -> Bool {
        shard.sync { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            guard let found = hosted.pool?.takeIdle(key, for: Self.client) else { return false }
            hosted.held.append(found)
            return true
        }
    }

    /// Sends on the connection held last.
    func say(_ text: String) {
        shard.syncTask { [hosted] shard in
            try? await hosted.reached(on: shard).held.last?.stream.write(Array(text.utf8))
        }
    }

    /// The next line on the connection held last; nil where it has ended.
    func hear() -> String? {
        shard.syncTask { [hosted] shard in
            guard let stream = hosted.reached(on: shard).held.last?.stream else { return nil }
            if stream.buffered == 0 { try? await stream.waitForInput() }
            return stream.buffered > 0 ? String(decoding: stream.takeInput(stream.buffered), as: UTF8.self) : nil
        }
    }

    func closeHeld() {
        shard.syncTask { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            for connection in hosted.held {
                await connection.stream.close()
                hosted.pool?.giveBack(connection.server)
            }
            hosted.held = []
        }
    }

    /// What the shard has of connections.
    var remains: (operations: Int, timers: Int) {
        shard.sync { ($0.ring.operationsInFlight, $0.ring.timers.count) }
    }

    func stopPool() {
        shard.syncTask { [hosted] in await hosted.reached(on: $0).pool?.stop() }
    }

    func finish() {
        closeHeld()
        stopPool()
        shard.sync { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            hosted.resolver?.close()
            (hosted.pool, hosted.resolver) = (nil, nil)
        }
        shard.sync { $0.stop() }
        thread.join()
        log.log.close()
    }
}
