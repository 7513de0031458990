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
        start.adding(nanoseconds: duration.wholeNanoseconds)
    }

    /// As with a duration, which takes longer to reckon with.
    public func adding(nanoseconds more: UInt64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(more)
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
        let whole = attoseconds
        guard whole > 0 else { return 0 }
        // One division of the processor: every line of a dialogue sets deadlines.
        let attosecondsPerNanosecond: UInt64 = 1_000_000_000
        let high = UInt64(truncatingIfNeeded: whole >> 64)
        guard high < attosecondsPerNanosecond else { return .max }
        let low = UInt64(truncatingIfNeeded: whole)
        return attosecondsPerNanosecond.dividingFullWidth((high, low)).quotient
    }
}
