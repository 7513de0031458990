/// A number as scrapers read it.
public enum ExpositionValue: Sendable, Equatable {
    case whole(UInt64)
    /// Shown as seconds.
    case nanoseconds(UInt64)

    var text: String {
        switch self {
        case .whole(let number): "\(number)"
        case .nanoseconds(let number): Self.seconds(number)
        }
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest > 0 else { return "\(whole)" }
        let digits = "\(rest)"
        let padded = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        return "\(whole).\(padded.reversed().drop { $0 == "0" }.reversed().map(String.init).joined())"
    }
}

/// Text in the exposition format of Prometheus, version 0.0.4: for each series HELP and TYPE once, then its samples.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// Begins a series; its samples follow.
    mutating func begin(_ series: Series) {
        text += "# HELP \(series.name) \(series.help)\n# TYPE \(series.name) \(series.kind.rawValue)\n"
    }

    /// One sample of a series that is no histogram.
    mutating func add(_ series: Series, _ labels: [String], _ value: ExpositionValue) {
        line(series.name, Self.pairs(series, labels), value)
    }

    /// All samples of a histogram for one combination of its labels.
    mutating func add(_ series: Series, _ labels: [String], _ value: HistogramValue, of histogram: Histogram) {
        let pairs = Self.pairs(series, labels)
        var count: UInt64 = 0
        for bucket in 0..<Histogram.boundCount {
            count &+= value.counts[bucket]
            line("\(series.name)_bucket", pairs + [("le", histogram.shown(histogram.end(of: bucket)).text)], count)
        }
        line("\(series.name)_bucket", pairs + [("le", "+Inf")], value.total)
        line("\(series.name)_sum", pairs, histogram.shown(value.sum))
        line("\(series.name)_count", pairs, value.total)
    }

    private static func pairs(_ series: Series, _ labels: [String]) -> [(String, String)] {
        precondition(labels.count == series.labels.count)
        return Array(zip(series.labels, labels))
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ count: UInt64) {
        line(name, labels, .whole(count))
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: ExpositionValue) {
        text += name
        if !labels.isEmpty {
            text += "{\(labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ","))}"
        }
        text += " \(value.text)\n"
    }

    /// The value of a label: any text, with what would end it escaped.
    static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { escaped, scalar in
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
    }
}
