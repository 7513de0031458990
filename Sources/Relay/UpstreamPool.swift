public import Lookup
import Policy
public import Ring
public import TLS
public import Telemetry

/// The servers of one upstream on one shard: which of them a session gets.
///
/// Not Sendable; lives on its shard. Sessions keep the pool they began with.
public final class UpstreamPool {
    public let settings: UpstreamSettings
    let ring: Ring
    let tls: TLSClientContext?
    /// The same for destinations whose servers' certificates must be valid, or need not be, whatever the settings say.
    private var otherTLS: [Bool: TLSClientContext] = [:]
    let servers: [UpstreamServer]
    /// Servers of nobody's configuration that decisions have named. Their limits and states are this shard's alone.
    var guests: [ServerAddress: UpstreamServer] = [:]
    let resolver: Resolver
    let log: Log
    let shardNumber: Int
    var turn: Int
    var sourceTurn = 0
    /// Sessions that wait for a connection to be given back.
    let line = WaitingLine()
    /// Connections that sessions do not need just now.
    let resting = RestingLinks()
    private(set) var probes: [HealthProbe] = []
    private(set) var isProbing = false
    private(set) var isStopping = false
    /// Somebody wants to know what the servers offer.
    var isAskedForOffers = false
    /// The servers that maps name and that are probed for what they offer.
    var watches: [MapServer: (watch: ServerWatch, probe: HealthProbe)] = [:]
    let spawn: (nonisolated(nonsending) @escaping () async -> Void) -> Void
    /// Connections for the next session.
    private(set) lazy var idle = IdleConnections(settings.reuse, on: ring) { [unowned self] in giveBack($0) }

    /// - Parameter tallies: one for each server, shared by all shards.
    /// - Throws: where the TLS settings cannot be used.
    public init(
        _ settings: UpstreamSettings, on shard: isolated Shard, resolver: Resolver, tallies: [ServerTally], log: Log
    ) throws(TLSConfigurationError) {
        precondition(tallies.count == settings.servers.count && !tallies.isEmpty)
        self.settings = settings
        ring = shard.ring
        spawn = { shard.spawn($0) }
        if let configuration = settings.tlsClient { tls = try TLSClientContext(configuration) } else { tls = nil }
        self.resolver = resolver
        self.log = log
        shardNumber = shard.number
        let door = Pinned(PoolDoor(), to: shard)
        servers = zip(settings.servers, tallies).enumerated().map { index, server in
            UpstreamServer(
                server.0, settings, server.1, log, ServerNames(server.0, resolver, log), shardNumber: shard.number
            ) { [shard] notice in
                shard.post { door.reached(on: $0).pool?.hear(notice, about: index) }
            }
        }
        turn = shard.number  // Shards that begin with different servers do not all hit the first at once.
        door.reached(on: shard).pool = self
    }

    /// Begins to probe the servers, where they are to be probed.
    public func start(on shard: isolated Shard) {
        guard settings.health.probe != .off else { return }
        isProbing = true
        probes = servers.map { HealthProbe(of: $0, in: self) }
        for probe in allProbes { probe.start() }
    }

    private var allProbes: [HealthProbe] { probes + watches.values.map(\.probe) }

    /// Asks for the end of the probes; `stop` waits for it, and closes the connections that no session has.
    public func beginStop() {
        isStopping = true
        for probe in allProbes { probe.beginStop() }
    }

    /// Ends the probes. The pool serves on for the sessions it has.
    public func stop() async {
        beginStop()
        for probe in allProbes { await probe.ended() }
        probes = []
        watches = [:]
        for server in servers { server.leave() }
        await idle.close()
    }

    /// What TLS is carried out with.
    ///
    /// - Parameter verifies: the server's certificate must be valid, or need not be; nil: as the settings say.
    func tls(verifying verifies: Bool?) throws(TLSConfigurationError) -> TLSClientContext? {
        guard let verifies, var configuration = settings.tlsClient else { return tls }
        if let made = otherTLS[verifies] { return made }
        configuration.isEnforced = verifies
        if verifies, !configuration.canVerify { configuration.authorities = .system }
        let made = try TLSClientContext(configuration)
        otherTLS[verifies] = made
        return made
    }

    // MARK: Connections that nobody uses

    /// Keeps a connection that the session does not need any more for the next one; where somebody waits for its
    /// place, another makes room. False where it is not worth keeping: it stays the caller's.
    func keep(_ connection: IdleConnection) -> Bool {
        guard idle.put(connection) else { return false }
        makeRoom(with: connection.server)
        return true
    }

    /// A connection that another session has left, to a server whose turn it is; or that it does not need just now,
    /// where there can be no other. `giveBack` follows.
    func takeIdle(_ key: IdleConnection.Key, for client: ClientIdentity) -> IdleConnection? {
        takeLeft(key, for: client) ?? takeResting(key)
    }

    private func takeResting(_ key: IdleConnection.Key) -> IdleConnection? {
        let wanted = key.server.map { servers(of: candidates(only: $0)) } ?? servers
        guard !wanted.contains(where: hasRoom),
            let server = wanted.first(where: { $0.isUsable(at: ring.now) && resting.letGo(of: $0) })
        else { return nil }
        return idle.take(key) { $0 === server }
    }

    private func takeLeft(_ key: IdleConnection.Key, for client: ClientIdentity) -> IdleConnection? {
        guard idle.count > 0 else { return nil }
        let now = ring.now
        if key.server == nil, [.first, .hashClient].contains(settings.balance) {
            guard let index = candidates(for: client).untried.first(where: { servers[$0].isUsable(at: now) }) else {
                return nil
            }
            return idle.take(key) { $0 === servers[index] }
        }
        return idle.take(key) { $0.isUsable(at: now) }
    }
}

extension TLSClientConfiguration {
    /// There is something to hold a certificate against.
    var canVerify: Bool { authorities != .none || !pins.isEmpty }
}
