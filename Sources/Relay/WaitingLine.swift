import Ring

/// Sessions of one shard that wait for a connection to be given back, in the order in which they came. A newcomer who
/// finds one free at that moment takes it all the same.
///
/// The first of those who wait for a server looks from time to time, for nobody answers for what another shard tells;
/// the others sleep until it is their turn. Where all wait for the same, joining and leaving cost the same however long
/// the line is.
final class WaitingLine {
    final class Place {
        fileprivate let client: Stream
        /// Any of them will do.
        let servers: [UpstreamServer]
        fileprivate var hasLeft = false

        fileprivate init(_ client: Stream, _ servers: [UpstreamServer]) {
            self.client = client
            self.servers = servers
        }

        fileprivate func wants(_ server: UpstreamServer) -> Bool { !hasLeft && servers.contains { $0 === server } }
    }

    private var places: [Place] = []
    /// Where the line begins in `places`; those before have left.
    private var head = 0
    private var count = 0

    private static let countMax = 4096
    private static let slice = Duration.milliseconds(100)

    /// A place at the end; nil where too many wait already. `leave` follows.
    ///
    /// - Parameter client: whose wait for input is interrupted when it is worth looking again.
    func join(_ client: Stream, for servers: [UpstreamServer]) -> Place? {
        guard count < Self.countMax else { return nil }
        count += 1
        let place = Place(client, servers)
        places.append(place)
        return place
    }

    /// Whoever is first then looks at once.
    func leave(_ place: Place) {
        place.hasLeft = true
        count -= 1
        while head < places.count, places[head].hasLeft { head += 1 }
        if head > Self.countMax || head == places.count {
            places.removeFirst(head)
            head = 0
        }
        for server in place.servers { wakeFirst(for: server) }
    }

    /// There may be a connection to the server. False where nobody waits for that.
    @discardableResult
    func wakeFirst(for server: UpstreamServer) -> Bool {
        guard let first = first(for: server) else { return false }
        first.client.interrupt()
        return true
    }

    /// When to look again where nobody interrupts.
    func nextLook(of place: Place, at now: Instant) -> Instant {
        let isFirst = place.servers.contains { first(for: $0) === place }
        return isFirst || place.client.hasInput ? now + Self.slice : .never
    }

    private func first(for server: UpstreamServer) -> Place? {
        places[head...].first { $0.wants(server) }
    }
}
