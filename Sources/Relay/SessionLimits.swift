import Policy
import Ring
import Synchronization
public import Wire

/// How many sessions there may be, in the whole process and of each client address: with the counts of connections to
/// one server the only things that shards share.
public final class SessionLimits: Sendable {
    public struct Values: Sendable, Equatable {
        /// Sessions at once.
        public var sessionsMax: Int
        /// Sessions of one address at once; 0: no limit.
        public var sessionsPerAddressMax = 0
        /// New sessions of one address in `acceptPeriod`; 0: no limit.
        public var acceptsPerAddressMax = 0
        public var acceptPeriod = Duration.seconds(60)
        /// Addresses that are not counted.
        public var exempt: [IPNetwork] = []

        public init(sessionsMax: Int) {
            self.sessionsMax = sessionsMax
        }
    }

    private let taken = Atomic<Int>(0)
    private let begun = Atomic<UInt64>(0)
    private let sessionsMax: Atomic<Int>
    private let values: Locked<Values>
    private let addresses = AddressTable()
    /// Who comes, for people to look at; no limit hangs on it.
    public let visitors = Visitors()

    public init(_ values: Values) {
        sessionsMax = Atomic(values.sessionsMax)
        self.values = Locked(values)
    }

    /// New limits hold for new sessions; nobody is sent away for them.
    public func update(_ values: Values) {
        sessionsMax.store(values.sessionsMax, ordering: .relaxed)
        self.values.withLock { $0 = values }
    }

    /// Sessions there are.
    public var sessions: Int { taken.load(ordering: .relaxed) }

    /// From here on patience is short: 90 % of the sessions there may be are there.
    public var isStressed: Bool {
        let (now, most) = (sessions, sessionsMax.load(ordering: .relaxed))
        return now * 10 >= most * 9
    }

    /// Takes a place; false where all are taken.
    func take() -> Bool {
        let (_, now) = taken.add(1, ordering: .relaxed)
        guard now > sessionsMax.load(ordering: .relaxed) else { return true }
        giveBack()
        return false
    }

    /// A number that no other session of this process gets.
    func nextNumber() -> UInt64 { begun.add(1, ordering: .relaxed).oldValue }

    func giveBack() {
        taken.subtract(1, ordering: .relaxed)
    }

    /// The place of an address among those who have sessions; `giveBack` follows.
    struct Place {
        fileprivate let key: AddressKey
    }

    /// Takes a place for `address`.
    ///
    /// - Parameters:
    ///   - ownMax: the listener's own limit of sessions for one address; 0: none, nil: the process's.
    /// - Returns: nil where the address is not counted.
    func take(_ address: SocketAddress, ownMax: Int?, now: Instant) throws(RefusalError) -> Place? {
        let values = values.withLock { $0 }
        let most = ownMax ?? values.sessionsPerAddressMax
        guard most > 0 || values.acceptsPerAddressMax > 0, let ipAddress = address.ipAddress else { return nil }
        guard !values.exempt.contains(where: { $0.contains(ipAddress) }) else { return nil }
        let key = AddressKey(address)
        let refusal = addresses.take(key, sessionsMax: most, values.acceptsPerAddressMax, values.acceptPeriod, now)
        if let refusal { throw RefusalError(refusal: refusal) }
        return Place(key: key)
    }

    struct RefusalError: Error {
        let refusal: AddressTable.Refusal
    }

    func giveBack(_ place: Place) {
        addresses.giveBack(place.key)
    }
}
