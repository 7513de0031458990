extension Kind where Value == Duration {
    /// A time with its unit: `"500ms"`, `"30s"`, `"5m"`, `"1h"`, `"1d"`.
    static func duration(_ range: ClosedRange<Duration>) -> Kind {
        let bounds = "from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return .string("a duration \(bounds)") { text in
            guard let duration = DurationText.parse(text) else {
                let units = DurationText.units.map(\.name).joined(separator: ", ")
                return .refused(
                    "\(Quoting.shown(text)) is not a duration; expected a number and one of \(units), as in \"30s\"")
            }
            guard range.contains(duration) else {
                return .refused("\(Quoting.shown(text)) is out of range; expected a duration \(bounds)")
            }
            return .value(duration)
        } format: { duration in
            DurationText.format(duration)
        }
    }
}

/// Durations as text, to the millisecond.
enum DurationText {
    /// From the smallest up.
    static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let digitsMax = 12

    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = units.first { $0.name == text[digits.endIndex...] }
        guard let unit, let number = Ascii.number(digits, digitsMax: digitsMax) else { return nil }
        let (milliseconds, overflow) = Int64(number).multipliedReportingOverflow(by: unit.milliseconds)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// In the largest unit that needs no fraction.
    static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        let unit = units.last { milliseconds % $0.milliseconds == 0 && milliseconds >= $0.milliseconds } ?? units[1]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
