import Glibc

/// A moment, in milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
public struct UTCTime: Sendable, Hashable, Comparable {
    public var unixMilliseconds: Int64

    public init(unixMilliseconds: Int64) {
        self.unixMilliseconds = unixMilliseconds
    }

    /// The system's clock, which an administrator may set: for dates. Durations are measured on the ring's clock.
    public static func now() -> UTCTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UTCTime(unixMilliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
    }

    public static func < (first: UTCTime, second: UTCTime) -> Bool {
        first.unixMilliseconds < second.unixMilliseconds
    }
}

extension UTCTime: CustomStringConvertible {
    /// ISO 8601 with milliseconds, in UTC: `2026-03-01T09:05:07.042Z`.
    ///
    /// Computed here: the C library's way to a date reads the time zone's file and takes a lock.
    public var description: String {
        let (days, millisecond) = unixMilliseconds.flooredDivision(by: 86_400_000)
        let date = Self.date(daysSince1970: days)
        let (second, fraction) = millisecond.flooredDivision(by: 1000)
        var text = ""
        for (value, width, mark) in [
            (date.year, 4, "-"), (date.month, 2, "-"), (date.day, 2, "T"),
            (second / 3600, 2, ":"), (second / 60 % 60, 2, ":"), (second % 60, 2, "."), (fraction, 3, "Z"),
        ] {
            let digits = String(value)
            text += String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits + mark
        }
        return text
    }

    /// The Gregorian date, proleptic before 1582. A year is counted from March here, so that the leap day is its last.
    private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let daysFromMarchOfYear0To1970: Int64 = 719_468
        let daysIn400Years: Int64 = 146_097
        let (era, dayOfEra) = (daysSince1970 + daysFromMarchOfYear0To1970).flooredDivision(by: daysIn400Years)
        // Every 4th year has a leap day at its end, every 100th has not, the 400th has.
        let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / (daysIn400Years - 1)
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // From March on, five months have 153 days: 31, 30, 31, 30, 31.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Int64 {
    /// Quotient and remainder with the remainder in `0..<divisor`, for moments before 1970.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
