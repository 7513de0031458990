import Telemetry

/// The connections to upstreams that sessions of one shard hold between two of their messages. They are their sessions'
/// until places with their server run short: a client that may say nothing for minutes needs none then.
final class RestingLinks {
    private struct Entry {
        let server: UpstreamServer
        let letGo: () -> Void
    }

    private var entries: [ObjectIdentifier: Entry] = [:]

    /// - Parameter letGo: has the session let go of the connection at once, for good or for others to take.
    func add(_ link: UpstreamLink, to server: UpstreamServer, letGo: @escaping () -> Void) {
        guard entries.updateValue(Entry(server: server, letGo: letGo), forKey: ObjectIdentifier(link)) == nil else {
            return
        }
        server.party.raiseIdle()
    }

    /// It is used again, or is no more. Nothing happens where it is not here.
    func remove(_ link: UpstreamLink) {
        entries.removeValue(forKey: ObjectIdentifier(link))?.server.party.lowerIdle()
    }

    /// Has a session let go of a connection to the server. False where none rests.
    func letGo(of server: UpstreamServer) -> Bool {
        guard let place = entries.firstIndex(where: { $0.value.server === server }) else { return false }
        let entry = entries.remove(at: place).value
        entry.server.party.lowerIdle()
        entry.letGo()
        return true
    }
}
