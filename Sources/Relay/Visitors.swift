import Policy
import Ring

/// Which addresses come most, and which are refused most: a bounded table for people to look at, whatever comes.
///
/// Space-saving counts (Metwally, Agrawal, El Abbadi 2005) in stripes with a lock each: who is new takes the place of
/// the one seen least, and its count with it. So whoever makes up more than a 64th of what its stripe has seen is in
/// the table, and no count is too low. IPv4 counts by address, IPv6 by /64. Every method may be called from any thread.
public final class Visitors: Sendable {
    /// What is known of an address.
    public struct Visitor: Sendable, Equatable {
        /// `192.0.2.1`, or `2001:db8::/64`.
        public let address: String
        /// Sessions it has now.
        public let sessions: Int
        /// Sessions begun, since it is in the table.
        public let begun: UInt64
        /// Sessions and connections refused for a limit, since it is in the table.
        public let refused: UInt64
    }

    /// A session's entry, to be given back when it ends.
    struct Visit {
        fileprivate let stripe: UInt8
        fileprivate let place: UInt8
        /// Tells whether the entry is still that of the same address.
        fileprivate let tenure: UInt32
    }

    private struct Entry {
        let key: AddressKey
        let tenure: UInt32
        var sessions = 0
        var begun: UInt64 = 0
        var refused: UInt64 = 0
        /// What the ones before it in this place had.
        let inherited: UInt64

        var weight: UInt64 { inherited &+ begun &+ refused }
    }

    private struct Stripe {
        var entries: [Entry] = []
        var tenures: UInt32 = 0

        /// The place of the address, which it may take from another.
        mutating func place(of key: AddressKey) -> Int {
            var least = 0
            for (place, entry) in entries.enumerated() {
                if entry.key == key { return place }
                if entry.weight < entries[least].weight { least = place }
            }
            tenures &+= 1
            guard entries.count == Visitors.placesPerStripe else {
                entries.append(Entry(key: key, tenure: tenures, inherited: 0))
                return entries.count - 1
            }
            entries[least] = Entry(key: key, tenure: tenures, inherited: entries[least].weight)
            return least
        }
    }

    private final class LockedStripe: Sendable {
        let lock = Locked(Stripe())
    }

    private static let stripes = 16
    private static let placesPerStripe = 64
    /// Addresses in the table at most.
    public static let addressesMax = stripes * placesPerStripe

    private let table = (0..<stripes).map { _ in LockedStripe() }

    init() {}

    /// The address has one session more.
    func begin(_ key: AddressKey) -> Visit {
        let stripe = key.stripe % Self.stripes
        return table[stripe].lock.withLock { state in
            let place = state.place(of: key)
            state.entries[place].sessions += 1
            state.entries[place].begun &+= 1
            return Visit(stripe: UInt8(stripe), place: UInt8(place), tenure: state.entries[place].tenure)
        }
    }

    /// The session has ended.
    func end(_ visit: Visit) {
        table[Int(visit.stripe)].lock.withLock { state in
            let place = Int(visit.place)
            if state.entries[place].tenure == visit.tenure { state.entries[place].sessions -= 1 }
        }
    }

    /// The address has been refused.
    func refuse(_ key: AddressKey) {
        table[key.stripe % Self.stripes].lock.withLock { state in
            state.entries[state.place(of: key)].refused &+= 1
        }
    }

    /// Those with the most sessions now, then the most refusals, then the most sessions begun.
    public func top(_ limit: Int) -> [Visitor] {
        let entries = table.flatMap { $0.lock.withLock { $0.entries } }
        let sorted = entries.sorted {
            ($0.sessions, $0.refused, $0.begun) > ($1.sessions, $1.refused, $1.begun)
        }
        return sorted.prefix(max(0, limit)).map {
            Visitor(address: $0.key.description, sessions: $0.sessions, begun: $0.begun, refused: $0.refused)
        }
    }
}
