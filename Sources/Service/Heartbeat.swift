import Ring

/// A thread that does the same small thing at a fixed interval until it is ended.
///
/// For what must go on whatever the main thread is busy with: rates, the status text, the watchdog. What it is given
/// must not block.
final class Heartbeat: Sendable {
    private let interruption = Interruption()
    private let thread: Thread

    static let interval = Duration.seconds(1)

    /// - Parameters:
    ///   - interval: between two beats. Beats that were missed, while the machine slept, are not made up for.
    ///   - beat: called on the thread, with the time of the beat; for the first time at once.
    init(interval: Duration = Heartbeat.interval, beat: @escaping @Sendable (Instant) -> Void) {
        thread = Thread.start(name: "heartbeat") { [interruption] in
            var due = Instant.current()
            repeat {
                beat(.current())
                due = max(due + interval, .current())
            } while interruption.wait(until: due) != .interrupted
        }
    }

    /// Ends the thread, after the beat that it may be at. Once.
    func end() {
        interruption.interrupt()
        thread.join()
    }
}
