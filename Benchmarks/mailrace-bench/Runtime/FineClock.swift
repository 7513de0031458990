import CLinux
import Ring

/// Wakes those who wait at their moment, as exactly as the kernel does: a ring's own timers, which are made for
/// deadlines, come up to 34 ms late, and a load would come in bursts. Who has long to wait better begins with those.
///
/// Not Sendable: it lives on its shard, and has to be closed.
final class FineClock {
    private let ring: Ring
    private let timer: Int32
    private var poll: Poll?
    /// The latest moment first.
    private var sleepers: [(moment: Instant, continuation: UnsafeContinuation<Void, Never>)] = []

    /// - Parameter timer: a timerfd, which the clock closes. Below 0 there is none, for want of descriptors or memory:
    ///   then the ring's timers have to do.
    init(_ ring: Ring, timer: Int32 = linux_timer()) {
        self.ring = ring
        self.timer = timer
        guard timer >= 0 else { return }
        let poll = Poll(ring, timer) { [unowned self] _ in wake() }
        self.poll = poll
        poll.watch(.readable)
    }

    /// Nobody may be waiting any more.
    func close() {
        precondition(sleepers.isEmpty, "a clock was closed while somebody slept")
        guard let poll else { return }
        poll.watch([])
        self.poll = nil
        linux_close(timer)
    }

    func sleep(until moment: Instant) async {
        guard moment > Instant.current() else { return }
        guard poll != nil else { return await ring.sleep(until: moment) }
        await withUnsafeContinuation { continuation in
            let place = place(of: moment)
            sleepers.insert((moment, continuation), at: place)
            if place == sleepers.endIndex - 1 { set() }
        }
    }

    /// Before the first one that is not later, found by halves: there may be thousands.
    private func place(of moment: Instant) -> Int {
        var (low, high) = (0, sleepers.count)
        while low < high {
            let middle = (low + high) / 2
            if sleepers[middle].moment <= moment { high = middle } else { low = middle + 1 }
        }
        return low
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
