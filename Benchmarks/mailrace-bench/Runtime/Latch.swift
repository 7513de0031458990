import Ring

/// Closed until it is opened, once and for all; threads can wait for that.
final class Latch: Sendable {
    private let isOpen = Locked(false)

    func open() {
        isOpen.withLock { $0 = true }
        isOpen.signal()
    }

    /// Blocks the thread until the latch is open.
    func wait() {
        isOpen.withLock(when: { $0 }) { _ in }
    }
}
