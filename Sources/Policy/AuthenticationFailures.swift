public import Ring
public import Wire

/// How often clients may fail to authenticate before nobody is asked about them for a while.
public struct AuthenticationFailureLimits: Sendable, Equatable {
    /// So many from the first on, for as long as the period lasts.
    public struct Rate: Sendable, Equatable {
        /// 0: no limit.
        public var max: Int
        public var period: Duration

        public init(max: Int = 0, period: Duration = .seconds(600)) {
            self.max = max
            self.period = period
        }
    }

    /// Of one address: IPv6 counts by /64.
    public var perAddress = Rate()
    /// With one name, whatever the addresses are.
    public var perUser = Rate()
    /// How long the answer to a failure is held back; twice as long with each further one of the address.
    public var delay = Duration.zero
    /// Addresses that are not counted, nor held back.
    public var exempt: [IPNetwork] = []

    /// Beyond as many failures the delay does not grow.
    static let doublingsMax = 5

    public init() {}
}

/// The failures to authenticate of the whole process, by address and by user.
///
/// What it holds is bounded: beyond that, those are forgotten first whose period is over, then those with the fewest
/// failures. One who is at the limit is never forgotten before the period is over, so that nobody gets rid of what is
/// known of him by failing under other names. Users and addresses are kept as 64 bits of a hash with a seed of the
/// process's own.
public final class AuthenticationFailures: Sendable {
    /// Whom there is a limit for.
    public enum Subject: String, Sendable {
        case address
        case user
    }

    private struct Entry {
        var failures = 0
        let end: Instant
        var isAtLimit = false

        /// Of less weight: fewer failures, or as many that are forgotten sooner.
        func isLess(than other: Entry) -> Bool { (failures, end) < (other.failures, other.end) }
    }

    private final class Stripe: Sendable {
        let entries = Locked<[UInt64: Entry]>([:])
    }

    static let stripesMax = 64
    /// Of one stripe.
    static let entriesMax = 256

    private let stripes = (0..<stripesMax).map { _ in Stripe() }

    public init() {}

    /// Who has failed so often that nobody is to be asked; nil: neither the client's address nor the user.
    public func subjectAtLimit(
        of facts: SessionFacts, as user: [UInt8], _ limits: AuthenticationFailureLimits, at now: Instant
    ) -> Subject? {
        if let key = Self.key(of: facts, limits), isAtLimit(key, limits.perAddress, now) { return .address }
        if let key = Self.key(of: user), isAtLimit(key, limits.perUser, now) { return .user }
        return nil
    }

    /// Counts a failure.
    ///
    /// - Returns: how long its answer is held back.
    public func note(
        _ facts: SessionFacts, as user: [UInt8], _ limits: AuthenticationFailureLimits, at now: Instant
    ) -> Duration {
        if let key = Self.key(of: user) { _ = count(key, limits.perUser, now) }
        guard let key = Self.key(of: facts, limits) else { return .zero }
        let failures = count(key, limits.perAddress, now)
        return limits.delay * (1 << min(failures - 1, AuthenticationFailureLimits.doublingsMax))
    }

    /// Those who are remembered. For tests.
    var count: Int { stripes.reduce(0) { $0 + $1.entries.withLock { $0.count } } }

    private static func key(of facts: SessionFacts, _ limits: AuthenticationFailureLimits) -> UInt64? {
        guard !facts.client.isUnix, !limits.exempt.contains(where: { $0.contains(facts.client.octets) }) else {
            return nil
        }
        return hash(.address, AddressKey(facts.client))
    }

    /// In any case of letters, as many servers have it.
    private static func key(of user: [UInt8]) -> UInt64? {
        guard !user.isEmpty else { return nil }
        return hash(.user, user.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 })
    }

    private static func hash(_ subject: Subject, _ value: some Hashable) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(subject)
        hasher.combine(value)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private func stripe(of key: UInt64) -> Stripe { stripes[Int(key % UInt64(Self.stripesMax))] }

    private func isAtLimit(_ key: UInt64, _ rate: AuthenticationFailureLimits.Rate, _ now: Instant) -> Bool {
        guard rate.max > 0 else { return false }
        return stripe(of: key).entries.withLock { entries in
            guard let entry = entries[key], now < entry.end else { return false }
            return entry.failures >= rate.max
        }
    }

    /// How many there are with this one, in the period.
    private func count(_ key: UInt64, _ rate: AuthenticationFailureLimits.Rate, _ now: Instant) -> Int {
        guard rate.max > 0 else { return 1 }
        return stripe(of: key).entries.withLock { entries in
            var entry = Entry(end: now + rate.period)
            if let known = entries[key], now < known.end { entry = known }
            entry.failures += 1
            entry.isAtLimit = entry.failures >= rate.max
            if entries[key] == nil, entries.count >= Self.entriesMax, !Self.makeRoom(in: &entries, now) {
                return entry.failures
            }
            entries[key] = entry
            return entry.failures
        }
    }

    /// False where all are at their limits.
    private static func makeRoom(in entries: inout [UInt64: Entry], _ now: Instant) -> Bool {
        var over: [UInt64] = []
        var victim: (key: UInt64, entry: Entry)?
        for (key, entry) in entries {
            if now >= entry.end {
                over.append(key)
            } else if !entry.isAtLimit, victim.map({ entry.isLess(than: $0.entry) }) ?? true {
                victim = (key, entry)
            }
        }
        if over.isEmpty, let victim { over.append(victim.key) }
        for key in over { entries[key] = nil }
        return !over.isEmpty
    }
}

extension LocalReply {
    /// To AUTH: the address, or the user, has failed as often as it may for now.
    public static let tooManyFailures = LocalReply(
        code: 454, status: EnhancedStatus(4, 7, 0)!, text: "Too many authentication failures, try again later")!
}
