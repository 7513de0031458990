/// Calls back when a moment has come, to the wheel's coarseness (up to 34 ms late), once for each moment set.
public final class Timer {
    private let ring: Ring
    private let passed: () -> Void
    private var entry: SlotID?

    /// - Parameter passed: called from the shard's loop.
    public init(_ ring: Ring, passed: @escaping () -> Void) {
        self.ring = ring
        self.passed = passed
    }

    deinit { release() }

    /// The moment; `never` for none, to which it returns when it has come.
    public var deadline: Instant = .never {
        didSet {
            guard deadline != .never else { return release() }
            let entry = entry ?? ring.timers.add(self)
            self.entry = entry
            ring.timers.setDeadline(deadline, of: entry)
        }
    }

    private func release() {
        if let entry = entry.take() { ring.timers.remove(entry) }
    }
}

extension Timer: DeadlineTarget {
    func deadlinePassed() {
        guard deadline <= ring.now else { return }  // Moved by somebody who was told in the same turn.
        deadline = .never
        passed()
    }
}
