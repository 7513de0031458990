import Glibc
public import Lookup
public import Ring
public import TLS
public import Telemetry
import Wire

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
    private var guests: [ServerAddress: UpstreamServer] = [:]
    private let resolver: Resolver
    private let log: Log
    private let shardNumber: Int
    private var turn: Int
    private var sourceTurn = 0
    /// Sessions that wait for a connection to be given back.
    let line = WaitingLine()
    private var probes: [HealthProbe] = []
    /// Somebody wants to know what the servers offer.
    private(set) var isAskedForOffers = false
    /// Connections for the next session.
    private lazy var idle = IdleConnections(settings.reuse, on: ring) { [unowned self] in giveBack($0) }

    /// - Parameter tallies: one for each server, shared by all shards.
    /// - Throws: where the TLS settings cannot be used.
    public init(
        _ settings: UpstreamSettings, on shard: isolated Shard, resolver: Resolver, tallies: [ServerTally], log: Log
    ) throws(TLSConfigurationError) {
        precondition(tallies.count == settings.servers.count && !tallies.isEmpty)
        self.settings = settings
        ring = shard.ring
        if let configuration = settings.tlsClient { tls = try TLSClientContext(configuration) } else { tls = nil }
        self.resolver = resolver
        self.log = log
        shardNumber = shard.number
        servers = zip(settings.servers, tallies).map { address, tally in
            UpstreamServer(
                address, settings, tally, log, ServerNames(address, resolver, log), shardNumber: shard.number)
        }
        turn = shard.number  // Shards that begin with different servers do not all hit the first at once.
    }

    /// Begins to probe the servers, where they are to be probed.
    public func start(on shard: isolated Shard) {
        guard settings.health.probe != .off else { return }
        probes = servers.map { HealthProbe(of: $0, in: self) }
        for probe in probes { probe.start(on: shard) }
    }

    /// Asks for the end of the probes; `stop` waits for it, and closes the connections that no session has.
    public func beginStop() {
        for probe in probes { probe.beginStop() }
    }

    /// Ends the probes. The pool serves on for the sessions it has.
    public func stop() async {
        beginStop()
        for probe in probes { await probe.ended() }
        probes = []
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
        if verifies, configuration.authorities == .none, configuration.pins.isEmpty {
            configuration.authorities = .system
        }
        let made = try TLSClientContext(configuration)
        otherTLS[verifies] = made
        return made
    }

    // MARK: What the servers offer

    /// From now on what the servers offer is worth knowing, and the first probes are worth hurrying. Where EHLO is no
    /// part of the health checks, sessions alone find out.
    func askForOffers() {
        guard !isAskedForOffers else { return }
        isAskedForOffers = true
        for probe in probes { probe.hurry() }
    }

    /// What all servers have in common; nil while one of them has not said, unless it is known to fail. Those that maps
    /// and authenticators name besides are not among them.
    func offer(isClientSecure: Bool) -> ServerOffer? {
        var common: ServerOffer?
        for server in servers {
            if let offer = server.offer(isClientSecure: isClientSecure) {
                common = common?.intersection(offer) ?? offer
            } else if !server.isInDoubt {
                return nil
            }
        }
        return common
    }

    /// Probes are about to say what is not known yet.
    func isFindingOut(isClientSecure: Bool) -> Bool {
        guard !probes.isEmpty, settings.health.probe == .ehlo else { return false }
        return servers.contains { !$0.isInDoubt && $0.offer(isClientSecure: isClientSecure) == nil }
    }

    // MARK: Choosing

    /// The servers in the order in which one session tries them, each once.
    struct Candidates {
        fileprivate var untried: [Int] = []
        /// One that is none of the pool's.
        fileprivate var guest: UpstreamServer?

        var isEmpty: Bool { untried.isEmpty && guest == nil }
    }

    func candidates(for client: ClientIdentity) -> Candidates {
        switch settings.balance {
        case .first: return Candidates(untried: Array(servers.indices))
        case .roundRobin: return Candidates(untried: nextRound())
        case .leastSessions:
            let round = nextRound().map { (index: $0, connections: servers[$0].tally.connections) }
            // Stable: equals keep their turn.
            return Candidates(untried: round.sorted { $0.connections < $1.connections }.map(\.index))
        case .hashClient:
            let hash = client.hash
            let weights = servers.map { ClientHash.weight(of: $0.name, for: hash) }
            return Candidates(untried: servers.indices.sorted { weights[$0] > weights[$1] })
        }
    }

    /// This server alone, whether or not it is one of the pool's.
    func candidates(only address: ServerAddress) -> Candidates {
        if let index = servers.firstIndex(where: { $0.address == address }) { return Candidates(untried: [index]) }
        return Candidates(guest: guest(at: address))
    }

    private static let guestsMax = 1024

    private func guest(at address: ServerAddress) -> UpstreamServer {
        if let known = guests[address] { return known }
        if guests.count >= Self.guestsMax { guests = guests.filter { $0.value.tally.connections > 0 } }
        let tally = ServerTally(upstream: settings.name, server: address.description)
        let guest = UpstreamServer(
            address, settings, tally, log, ServerNames(address, resolver, log), shardNumber: shardNumber)
        guests[address] = guest
        return guest
    }

    /// All servers, in the order of which each is first in turn.
    private func nextRound() -> [Int] {
        turn = (turn + 1) % servers.count
        return Array(turn..<servers.count) + (0..<turn)
    }

    enum Choice {
        case server(UpstreamServer)
        /// All have been tried.
        case none
        /// There are some, with as many connections as they may have.
        case full
    }

    /// The next server to try, with a connection of its own: `giveBack` follows. Servers that are down come last, for
    /// when nothing else is left.
    func next(_ candidates: inout Candidates) -> Choice {
        guard !candidates.isEmpty else { return .none }
        if let guest = candidates.guest {
            guard takePlace(with: guest) else { return .full }
            candidates.guest = nil
            return .server(guest)
        }
        let now = ring.now
        for usable in [true, false] {
            var isFull = false
            for place in candidates.untried.indices {
                let index = candidates.untried[place]
                guard servers[index].isUsable(at: now) == usable else { continue }
                guard takePlace(with: servers[index]) else {
                    isFull = true
                    continue
                }
                candidates.untried.remove(at: place)
                if usable { servers[index].noteTrial(at: now) }
                return .server(servers[index])
            }
            if isFull { return .full }
        }
        return .none
    }

    /// A connection that nobody uses makes room for one that somebody wants.
    private func takePlace(with server: UpstreamServer) -> Bool {
        server.tally.tryTake(max: settings.connectionsMax) || idle.yieldPlace(with: server)
    }

    /// Keeps a connection that the session does not need any more for the next one. False where it is not worth
    /// keeping, or others wait for its place: it stays the caller's.
    func keep(_ connection: IdleConnection) -> Bool {
        let most = settings.connectionsMax
        guard most == 0 || connection.server.tally.connections < most else { return false }
        return idle.put(connection)
    }

    /// A connection that another session has left, to a server whose turn it is. `giveBack` follows.
    func takeIdle(_ key: IdleConnection.Key, for client: ClientIdentity) -> IdleConnection? {
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

    func giveBack(_ server: UpstreamServer) {
        server.tally.giveBack()
        line.wakeFirst()
    }

    // MARK: Dialling

    /// The next local address to dial `address` from, of its family; nil: the system chooses.
    func source(for address: SocketAddress) -> SocketAddress? {
        guard !settings.sources.isEmpty else { return nil }
        let fitting = settings.sources.filter { $0.octets.count == address.octets.count }
        guard !fitting.isEmpty, !address.isUnix else { return nil }
        sourceTurn = (sourceTurn + 1) % fitting.count
        return fitting[sourceTurn]
    }

    /// Opens a connection to `server`: the addresses its name has, one after the other.
    ///
    /// - Parameter begun: gets each stream before it is connected.
    func connect(
        to server: UpstreamServer, within limit: Duration, begun: (Stream) -> Void
    ) async throws(DialError) -> Stream {
        let deadline = ring.now + limit
        let addresses = try await server.names.addresses(on: ring, by: deadline)
        var failure = DialError.timedOut
        for (index, address) in addresses.enumerated() {
            let now = ring.now
            guard now < deadline else { break }
            // An address that does not answer must leave time for the others.
            let share = deadline.nanoseconds(since: now) / UInt64(addresses.count - index)
            do throws(StreamError) {
                let stream = try await ring.connect(
                    to: address, from: source(for: address), deadline: now.adding(nanoseconds: share), begun: begun)
                server.names.prefer(address)
                return stream
            } catch {
                failure = .notConnected(address, error)
            }
        }
        throw failure
    }
}

/// Why a server could not be connected.
enum DialError: Error, CustomStringConvertible {
    /// Its name leads nowhere.
    case unresolved(ResolutionError)
    /// The last of its addresses did not take the connection.
    case notConnected(SocketAddress, StreamError)
    /// The time was over before its first address was tried.
    case timedOut

    /// No fault of the server's: this process or its machine is short of something.
    var isOurs: Bool {
        switch self {
        case .notConnected(_, .system(let errno)):
            [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL].contains(errno)
        case .unresolved(.tooManyNames), .unresolved(.closed), .unresolved(.unusable): true
        default: false
        }
    }

    var description: String {
        switch self {
        case .unresolved(let error): "name not resolved: \(error)"
        case .notConnected(let address, let error): "\(address): \(error)"
        case .timedOut: "timed out"
        }
    }
}

/// Hashes for `hashClient`. Theirs is the whole purpose: the same in every shard, process and version.
enum ClientHash {
    /// FNV-1a, 64 bits.
    static func of(_ bytes: some Sequence<UInt8>, seed: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        bytes.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// How much a server is a client's: the highest has it.
    static func weight(of server: String, for client: UInt64) -> UInt64 {
        var mixed = of(server.utf8, seed: client ^ 0xcbf2_9ce4_8422_2325)
        // FNV's last bytes hardly reach the high bits (finaliser of MurmurHash3).
        mixed = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
        mixed = (mixed ^ (mixed >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ (mixed >> 33)
    }
}
