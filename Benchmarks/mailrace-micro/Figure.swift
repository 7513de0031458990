/// What was measured of a benchmark.
struct Figure: Sendable {
    let name: String
    /// Nanoseconds of CPU an operation of each run, from the shortest on.
    let times: [Double]
    /// An operation; nil where they were not counted.
    let allocations: Double?

    var median: Double { times[times.count / 2] }

    static func json(_ figures: [Figure]) -> String {
        let objects = figures.map { figure in
            let texts = ([figure.median] + [figure.times.first, figure.times.last].map { $0 ?? 0 }).map(text)
            return "{\"name\": \"\(figure.name)\", \"median_ns\": \(texts[0]), \"least_ns\": \(texts[1]), "
                + "\"most_ns\": \(texts[2]), \"mallocs\": \(figure.allocations.map(text) ?? "null")}"
        }
        return "[\n  " + objects.joined(separator: ",\n  ") + "\n]"
    }

    /// With one digit behind the point.
    private static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
