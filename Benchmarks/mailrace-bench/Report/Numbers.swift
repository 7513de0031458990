extension Double {
    /// To so many digits behind the point.
    func rounded(toDigits digits: Int) -> Double {
        var unit = 1.0
        for _ in 0..<digits { unit *= 10 }
        return (self * unit).rounded() / unit
    }
}

extension Histogram {
    /// The percentiles that reports show.
    static let quantiles: [(name: String, fraction: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    /// A quantile in milliseconds, to a thousandth; nil where there are no values.
    func milliseconds(_ fraction: Double) -> Double? {
        quantile(fraction).map { (Double($0) / 1e6).rounded(toDigits: 3) }
    }

    /// The longest in milliseconds; nil where there are no values.
    var maxMilliseconds: Double? { count > 0 ? (Double(max) / 1e6).rounded(toDigits: 3) : nil }

    /// The percentiles and the longest, in milliseconds.
    var json: JSON {
        let values = Self.quantiles.map { ($0.name, milliseconds($0.fraction)) } + [("max", maxMilliseconds)]
        return .object(values.map { ($0, $1.map { JSON.number($0) } ?? .null) })
    }

    /// The names of a row's columns.
    static var rowHead: String { (quantiles.map(\.name) + ["max"]).map { $0.aligned(to: 10) }.joined() }

    /// The percentiles and the longest, in milliseconds, in columns.
    var row: String {
        (Self.quantiles.map { milliseconds($0.fraction) } + [maxMilliseconds])
            .map { ($0.map { "\($0)" } ?? "-").aligned(to: 10) }.joined()
    }
}
