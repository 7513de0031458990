import Ring

/// Sessions of one shard that wait for a connection to be given back, in the order in which they came.
///
/// The first of them looks from time to time, as connections are given back on other shards too, and nobody tells; the
/// others sleep until it is their turn. Joining and leaving cost the same however long the line is.
final class WaitingLine {
    final class Place {
        fileprivate var alarm: Alarm?
        fileprivate var hasLeft = false

        /// Has the session look again.
        func wake() { alarm?.turnOff() }
    }

    private var places: [Place] = []
    /// Where the line begins in `places`; those before have left.
    private var head = 0
    private var count = 0

    private static let countMax = 4096
    private static let slice = Duration.milliseconds(100)

    /// A place at the end; nil where too many wait already. `leave` follows.
    func join() -> Place? {
        guard count < Self.countMax else { return nil }
        count += 1
        let place = Place()
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
        if head < places.count { places[head].wake() }
    }

    /// Waits until it is worth looking again, or until `end`.
    func wait(in place: Place, on ring: Ring, until end: Instant) async {
        let alarm = Alarm()
        place.alarm = alarm
        let isFirst = places[head] === place
        await alarm.sleep(on: ring, until: isFirst ? min(end, ring.now + Self.slice) : end)
        place.alarm = nil
    }
}
