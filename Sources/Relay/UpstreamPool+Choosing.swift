import Lookup
import Ring
import Telemetry

// Which of its servers a session gets.
extension UpstreamPool {
    /// The servers in the order in which one session tries them, each once.
    struct Candidates {
        fileprivate(set) var untried: [Int] = []
        /// One that is none of the pool's.
        fileprivate var guest: UpstreamServer?

        var isEmpty: Bool { untried.isEmpty && guest == nil }
    }

    func servers(of candidates: Candidates) -> [UpstreamServer] {
        candidates.guest.map { [$0] } ?? candidates.untried.map { servers[$0] }
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
            address, settings, tally, log, ServerNames(address, resolver, log), shardNumber: shardNumber
        ) { _ in }
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
        if server.tally.tryTake(max: settings.connectionsMax) || idle.yieldPlace(with: server) { return true }
        guard resting.letGo(of: server) else { return false }
        return server.tally.tryTake(max: settings.connectionsMax) || idle.yieldPlace(with: server)
    }
}
