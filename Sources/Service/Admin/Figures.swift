import Telemetry

/// Numbers for people.
package enum Figures {
    /// `1,234,567`
    package static func count(_ number: some BinaryInteger) -> String {
        let digits = Array("\(number.magnitude)")
        let groups = stride(from: digits.count, to: 0, by: -3).map { String(digits[max(0, $0 - 3)..<$0]) }
        return (number < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
    }

    /// `17 B`, `1.5 KiB`, `12 MiB`
    package static func bytes(_ number: some BinaryInteger) -> String {
        var value = Double(number)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" { return "\(short(value, whole: unit == "B")) \(unit)" }
            value /= 1024
        }
        return ""
    }

    /// `0.5 s`, `12 s`, `3 min 5 s`, `2 h 1 min`, `5 d 3 h`
    package static func duration(seconds: Double) -> String {
        guard seconds >= 10 else { return "\(short(max(0, seconds), whole: false)) s" }
        let whole = Int(min(seconds, 1e12))
        let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
        guard let first = units.firstIndex(where: { whole >= $0.1 }) else { return "\(whole) s" }
        var text = "\(whole / units[first].1) \(units[first].0)"
        let rest = whole % units[first].1
        if first + 1 < units.count, rest >= units[first + 1].1 {
            text += " \(rest / units[first + 1].1) \(units[first + 1].0)"
        }
        return text
    }

    /// `2026-11-21 18:00:05`, in UTC.
    static func moment(_ time: UTCTime) -> String {
        let text = Array("\(time)".prefix(19))
        return String(text.map { $0 == "T" ? " " : $0 })
    }

    /// With one digit behind the point below 10.
    private static func short(_ value: Double, whole: Bool) -> String {
        guard !whole, value < 9.95, value != value.rounded() else { return "\(Int(value.rounded()))" }
        return "\((value * 10).rounded() / 10)"
    }
}
