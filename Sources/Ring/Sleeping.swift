extension Ring {
    /// Waits until `moment`, to the wheel's coarseness (up to 34 ms late).
    public func sleep(until moment: Instant) async {
        await Alarm().sleep(on: self, until: moment)
    }
}

/// A sleep that somebody else may end. For one sleeper, once.
public final class Alarm {
    private var sleeper: UnsafeContinuation<Void, Never>?
    private var isOff = false

    public init() {}

    /// Waits until `moment`, to the wheel's coarseness (up to 34 ms late), or until `turnOff`.
    public func sleep(on ring: Ring, until moment: Instant) async {
        guard !isOff else { return }
        let timer = ring.timers.add(self)
        await withUnsafeContinuation { continuation in
            // A suspension may lie between the look above and this one.
            guard !isOff else { return continuation.resume() }
            sleeper = continuation
            ring.timers.setDeadline(moment, of: timer)
        }
        ring.timers.remove(timer)
        withExtendedLifetime(self) {}  // The wheel does not own it.
    }

    /// Ends the sleep; where it has not begun, it will not last.
    public func turnOff() {
        isOff = true
        sleeper.take()?.resume()
    }
}

extension Alarm: DeadlineTarget {
    func deadlinePassed() {
        sleeper.take()?.resume()
    }
}
