import CLinux
import Glibc
import Ring

/// How threads that wait for descriptors or for time are told to end.
final class Interruption: Sendable {
    private let descriptor: Int32

    enum Outcome {
        case ready, late, interrupted
    }

    /// For what is made at the start, when there is room.
    convenience init() {
        let descriptor = linux_eventfd()
        precondition(descriptor >= 0, "no eventfd")
        self.init(descriptor: descriptor)
    }

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Nil where descriptors are short.
    static func ifPossible() -> Interruption? {
        let descriptor = linux_eventfd()
        return descriptor < 0 ? nil : Interruption(descriptor: descriptor)
    }

    deinit { linux_close(descriptor) }

    /// Ends all waiting, that of now and that to come.
    func interrupt() {
        linux_eventfd_signal(descriptor)
    }

    /// Waits until `other` is ready for `events` (poll(2)), or for time alone.
    func wait(for other: Int32? = nil, _ events: Int32 = POLLIN, until deadline: Instant) -> Outcome {
        var polls = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        if let other { polls.append(pollfd(fd: other, events: Int16(events), revents: 0)) }
        while true {
            let now = Instant.current()
            // Rounded up, or the last millisecond would be waited for in a circle.
            let left = now < deadline ? deadline.nanoseconds(since: now) / 1_000_000 + 1 : 0
            let count = poll(&polls, nfds_t(polls.count), Int32(clamping: left))
            if count > 0 { return polls[0].revents != 0 ? .interrupted : .ready }
            if count == 0, deadline <= Instant.current() { return .late }
        }
    }
}
