import CLinux
import Ring

/// Wakes those who wait at their moment, as exactly as the kernel does: a ring's own timers, which are made for
/// deadlines, come up to 34 ms late, and a load would come in bursts.
///
/// Not Sendable: it lives on its shard, and has to be closed.
final class FineClock {
    private let timer: Int32
    private var poll: Poll?
    /// The latest moment first.
    private var sleepers: [(moment: Instant, continuation: UnsafeContinuation<Void, Never>)] = []

    init(_ ring: Ring) {
        timer = linux_timer()
        precondition(timer >= 0, "no timer: \(systemErrorText(-timer))")
        let poll = Poll(ring, timer) { [unowned self] _ in wake() }
        self.poll = poll
        poll.watch(.readable)
    }

    /// Nobody may be waiting any more.
    func close() {
        precondition(sleepers.isEmpty, "a clock was closed while somebody slept")
        poll?.watch([])
        poll = nil
        linux_close(timer)
    }

    func sleep(until moment: Instant) async {
        guard moment > Instant.current() else { return }
        await withUnsafeContinuation { continuation in
            // Moments come in order as a rule, so that the place is found at once.
            let place = sleepers.firstIndex { $0.moment <= moment } ?? sleepers.endIndex
            sleepers.insert((moment, continuation), at: place)
            if place == sleepers.endIndex - 1 { set() }
        }
    }

    private func wake() {
        let now = Instant.current()
        while let next = sleepers.last, next.moment <= now {
            sleepers.removeLast()
            next.continuation.resume()
        }
        set()
    }

    /// Also takes back that the timer has run out.
    private func set() {
        let result = linux_timer_set(timer, sleepers.last?.moment.nanoseconds ?? 0)
        precondition(result == 0, "timer: \(systemErrorText(-result))")
    }
}
