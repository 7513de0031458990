public import Ring

/// The names of clients on one shard: looked up once for all who want the name of one address, and kept for a while.
///
/// Not Sendable; lives on its shard. Clients choose the addresses, so that all there is is bounded: what does not fit
/// is not looked up, and counts as failed.
public final class HostNames {
    /// Has the name of an address looked up, by the moment given.
    public typealias Question = (_ octets: [UInt8], _ deadline: Instant) async -> HostName

    /// A name that is, or will be, known. Whoever wants it holds on to this.
    public final class Search {
        /// Nil while it is looked up.
        public fileprivate(set) var result: HostName?
        fileprivate var freshUntil = Instant.never
        private var waiting: [Alarm] = []

        fileprivate init() {}

        /// Waits for the result, until `alarm` is turned off or its time has come.
        public func wait(_ alarm: Alarm, on ring: Ring, until deadline: Instant) async {
            guard result == nil else { return }
            waiting.append(alarm)
            await alarm.sleep(on: ring, until: deadline)
        }

        fileprivate func end(_ result: HostName, freshUntil: Instant) {
            self.result = result
            self.freshUntil = freshUntil
            for alarm in waiting { alarm.turnOff() }
            waiting = []
        }
    }

    private let ring: Ring
    private let spawn: (nonisolated(nonsending) @escaping () async -> Void) -> Void
    private let ask: Question
    private var known: [[UInt8]: Search] = [:]
    private var searches = 0

    /// For all questions about one address.
    public static let patience = Duration.seconds(10)
    /// Addresses that are looked up at one time.
    static let searchesMax = 256
    /// Addresses whose names are kept.
    static let knownMax = 4_096
    /// How long a name is kept: as its records say, within these bounds.
    static let lifetimes: ClosedRange<Duration> = .seconds(60) ... .seconds(3_600)
    /// How long it is kept that there is none.
    static let lifetimeOfNone = Duration.seconds(60)
    static let lifetimeOfFailure = Duration.seconds(10)

    public init(on shard: isolated Shard, _ ask: @escaping Question) {
        ring = shard.ring
        spawn = { shard.spawn($0) }
        self.ask = ask
    }

    public convenience init(on shard: isolated Shard, _ resolver: Resolver) {
        self.init(on: shard) { await resolver.hostName(of: $0, deadline: $1) }
    }

    /// Begins to look for the name of a host, where it is not known.
    ///
    /// - Parameter octets: 4 (IPv4) or 16 (IPv6), in network order.
    public func search(for octets: [UInt8]) -> Search {
        if let search = known[octets], search.freshUntil > ring.now { return search }
        let search = Search()
        guard searches < Self.searchesMax else {
            search.end(.failed, freshUntil: ring.now)
            return search
        }
        if known.count >= Self.knownMax { forgetSome() }
        known[octets] = search
        searches += 1
        spawn { [self] in
            let result = await ask(octets, ring.now + Self.patience)
            searches -= 1
            search.end(result, freshUntil: ring.now + Self.lifetime(of: result))
        }
        return search
    }

    private static func lifetime(of result: HostName) -> Duration {
        switch result {
        case .known(_, let timeToLive): min(max(timeToLive, lifetimes.lowerBound), lifetimes.upperBound)
        case .none: lifetimeOfNone
        case .failed: lifetimeOfFailure
        }
    }

    /// Those whose time is over; where that is not enough, all that are not being looked up.
    private func forgetSome() {
        let now = ring.now
        known = known.filter { $0.value.freshUntil > now }
        if known.count >= Self.knownMax { known = known.filter { $0.value.result == nil } }
    }
}
