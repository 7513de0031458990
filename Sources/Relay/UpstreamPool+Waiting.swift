import Ring
import Telemetry

// Sessions that wait for a connection to a server which has as many as it may. Such a limit is the whole process's, and
// so the shards tell each other what may interest those who wait.
extension UpstreamPool {
    /// A place in the line; nil where too many wait already. `leaveLine` follows. Who looks for a server once more
    /// before it waits misses none.
    func joinLine(_ client: Stream, for candidates: Candidates) -> WaitingLine.Place? {
        let place = line.join(client, for: servers(of: candidates))
        for server in place?.servers ?? [] { server.tally.places.raiseWaiting(server.party) }
        return place
    }

    func leaveLine(_ place: WaitingLine.Place) {
        for server in place.servers { server.tally.places.lowerWaiting(server.party) }
        line.leave(place)
        for server in place.servers where hasRoom(server) { tellOfRoom(with: server) }
    }

    /// How long a session waits for what another shard makes room for, though it may not wait for others to end.
    static let roomPatience = Duration.seconds(1)

    /// Another shard that keeps a connection which nobody uses is asked to make room. False where there is none.
    func askForRoom(_ candidates: Candidates) -> Bool {
        for server in servers(of: candidates) {
            guard let keeper = server.tally.places.nextKeeper(but: server.party) else { continue }
            keeper.tell(.isWanted)
            return true
        }
        return false
    }

    /// Those who send one message right after the other leave others no moment to find their connections at rest.
    func callForRoom(_ candidates: Candidates) {
        for server in servers(of: candidates) { server.tally.places.callForPlace() }
    }

    /// The session may not need its connection for a while: others may have it, where they can have no other. They have
    /// it at once where they have waited for long.
    ///
    /// - Parameter letGo: has the session let go of the connection at once, for good or for others to take.
    func rest(_ link: UpstreamLink, to server: UpstreamServer, letGo: @escaping () -> Void) {
        resting.add(link, to: server, letGo: letGo)
        if server.tally.places.takeCall() { makeRoom(with: server) }
    }

    /// What another shard has to tell.
    func hear(_ notice: ServerPlaces.Notice, about index: Int) {
        let server = servers[index]
        switch notice {
        // Whom it was for may have left meanwhile.
        case .isFree where !line.wakeFirst(for: server) && hasRoom(server): tellOfRoom(with: server)
        case .isFree: break
        case .isWanted: makeRoom(with: server)
        }
    }

    func giveBack(_ server: UpstreamServer) {
        server.tally.giveBack()
        tellOfRoom(with: server)
    }

    /// Of the connections that nobody uses one ends, or of those that sessions do not need just now, where somebody
    /// waits for its place and there is no other.
    func makeRoom(with server: UpstreamServer) {
        guard !hasRoom(server), server.tally.places.isWanted else { return }
        guard idle.yieldPlace(with: server) else {
            // Whether it ends or comes here to be kept, there is room then.
            _ = resting.letGo(of: server)
            return
        }
        giveBack(server)
    }

    func hasRoom(_ server: UpstreamServer) -> Bool {
        settings.connectionsMax == 0 || server.tally.connections < settings.connectionsMax
    }

    /// Each shard with sessions that wait has its turn.
    private func tellOfRoom(with server: UpstreamServer) {
        if let next = server.tally.places.nextWaiting(), next !== server.party {
            next.tell(.isFree)
        } else {
            line.wakeFirst(for: server)
        }
    }
}

/// What reaches a pool from other shards, while there is one.
final class PoolDoor {
    weak var pool: UpstreamPool?
}
