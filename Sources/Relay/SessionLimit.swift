import Synchronization

/// How many sessions the process carries at once: the one thing, beside the per-address limits, that shards share.
public final class SessionLimit: Sendable {
    public let sessionsMax: Int
    private let taken = Atomic<Int>(0)

    public init(sessionsMax: Int) {
        self.sessionsMax = sessionsMax
    }

    /// Takes a place; false where all are taken.
    func take() -> Bool {
        let (_, now) = taken.add(1, ordering: .relaxed)
        guard now > sessionsMax else { return true }
        giveBack()
        return false
    }

    func giveBack() {
        taken.subtract(1, ordering: .relaxed)
    }

    /// Sessions there are.
    public var sessions: Int { taken.load(ordering: .relaxed) }
}
