extension Ring {
    /// Waits until `moment`, to the wheel's coarseness (up to 34 ms late).
    public func sleep(until moment: Instant) async {
        let alarm = Alarm()
        let timer = timers.add(alarm)
        await withUnsafeContinuation { continuation in
            alarm.sleeper = continuation
            timers.setDeadline(moment, of: timer)
        }
        timers.remove(timer)
        withExtendedLifetime(alarm) {}  // The wheel does not own it.
    }
}

private final class Alarm: DeadlineTarget {
    var sleeper: UnsafeContinuation<Void, Never>?

    func deadlinePassed() {
        sleeper.take()?.resume()
    }
}
