import CLinux

/// A moment of CLOCK_MONOTONIC, in nanoseconds: what deadlines are made of.
public struct Instant: Comparable, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// Later than any deadline.
    public static let never = Instant(nanoseconds: .max)

    /// Asks the system. On a shard, `Ring.now` gives the turn's own time for nothing.
    public static func current() -> Instant {
        Instant(nanoseconds: linux_monotonic_ns())
    }

    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// A moment past what 64 bits can hold is `never`; a negative duration counts as zero.
    public static func + (start: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = start.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return overflow ? .never : Instant(nanoseconds: sum)
    }

    /// Nanoseconds from `start` to this moment; zero where it lies before.
    public func nanoseconds(since start: Instant) -> UInt64 {
        nanoseconds > start.nanoseconds ? nanoseconds - start.nanoseconds : 0
    }
}

extension Duration {
    /// The duration in nanoseconds, cut to 0 ... UInt64.max.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        let (sum, carried) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
        return carried ? .max : sum
    }
}
