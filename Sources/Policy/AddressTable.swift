package import Ring

/// Who has how many sessions, and how often they came, in stripes with a lock each.
///
/// An address is in it while it has sessions or its period runs; under a flood from ever new addresses the periods of
/// those without a session are forgotten, never sessions.
package final class AddressTable: Sendable {
    /// Why an address gets no session.
    package enum Refusal: Sendable {
        /// It has as many as it may.
        case tooMany
        /// It comes too often.
        case tooOften
    }

    package init() {}

    private struct Entry {
        var sessions = 0
        /// New sessions since `periodStart`.
        var accepts = 0
        var periodStart: Instant
        /// There is a limit on how often the address may come: it is remembered when its sessions have ended.
        var isRated: Bool
    }

    private static let stripes = 64
    /// Addresses without a session that a stripe remembers for their rate.
    private static let idleMax = 512

    private struct Stripe {
        var entries: [AddressKey: Entry] = [:]
        var idle = 0
    }

    private final class LockedStripe: Sendable {
        let lock = Locked(Stripe())
    }

    private let table = (0..<stripes).map { _ in LockedStripe() }

    package func take(
        _ key: AddressKey, sessionsMax: Int, _ acceptsMax: Int, _ period: Duration, _ now: Instant
    ) -> Refusal? {
        table[key.stripe].lock.withLock { stripe in
            var entry = stripe.entries[key] ?? Entry(periodStart: now, isRated: false)
            if now >= entry.periodStart + period {
                entry.periodStart = now
                entry.accepts = 0
            }
            // Who is refused is not counted again: else a client that keeps trying would never get in.
            if acceptsMax > 0, entry.accepts >= acceptsMax { return .tooOften }
            if sessionsMax > 0, entry.sessions >= sessionsMax { return .tooMany }
            let wasIdle = stripe.entries[key] != nil && entry.sessions == 0
            if wasIdle { stripe.idle -= 1 }
            entry.sessions += 1
            entry.accepts += 1
            entry.isRated = acceptsMax > 0
            stripe.entries[key] = entry
            return nil
        }
    }

    /// Counts one more time that the address comes; false where it has come as often as it may in its period. Who is
    /// refused is not counted again.
    package func count(_ key: AddressKey, _ acceptsMax: Int, _ period: Duration, _ now: Instant) -> Bool {
        guard take(key, sessionsMax: 0, acceptsMax, period, now) == nil else { return false }
        giveBack(key)
        return true
    }

    package func giveBack(_ key: AddressKey) {
        table[key.stripe].lock.withLock { stripe in
            guard var entry = stripe.entries[key], entry.sessions > 0 else {
                preconditionFailure("an address gave back what it had not taken")
            }
            entry.sessions -= 1
            stripe.entries[key] = entry.sessions > 0 || entry.isRated ? entry : nil
            guard entry.sessions == 0, entry.isRated else { return }
            stripe.idle += 1
            if stripe.idle > Self.idleMax {
                stripe.entries = stripe.entries.filter { $0.value.sessions > 0 }
                stripe.idle = 0
            }
        }
    }

    /// Addresses remembered. For tests.
    package var count: Int { table.reduce(0) { $0 + $1.lock.withLock { $0.entries.count } } }
}
