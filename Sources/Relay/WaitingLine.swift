import Ring

/// Sessions of one shard that wait for a connection to be given back, in the order in which they came. A newcomer who
/// finds one free at that moment takes it all the same.
///
/// The first of them looks from time to time, as connections are given back on other shards too, and nobody tells; the
/// others sleep until it is their turn. Joining and leaving cost the same however long the line is.
final class WaitingLine {
    final class Place {
        fileprivate let client: Stream
        fileprivate var hasLeft = false

        fileprivate init(_ client: Stream) {
            self.client = client
        }
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
    func join(_ client: Stream) -> Place? {
        guard count < Self.countMax else { return nil }
        count += 1
        let place = Place(client)
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
        wakeFirst()
    }

    /// A connection has been given back.
    func wakeFirst() {
        if head < places.count { places[head].client.interrupt() }
    }

    /// When to look again where nobody interrupts.
    func nextLook(of place: Place, at now: Instant) -> Instant {
        places[head] === place || place.client.hasInput ? now + Self.slice : .never
    }
}
