/// How long each kind of step of sessions took.
struct StepTimes: Sendable {
    /// A place for each phase.
    private var histograms = [Histogram](repeating: Histogram(), count: Phase.allCases.count)

    mutating func record(_ phase: Phase, nanoseconds: UInt64) {
        histograms[phase.rawValue].record(nanoseconds: nanoseconds)
    }

    mutating func merge(_ other: StepTimes) {
        for (index, histogram) in other.histograms.enumerated() { histograms[index].merge(histogram) }
    }

    /// Nil where no such step was taken.
    subscript(_ phase: Phase) -> Histogram? {
        histograms[phase.rawValue].count > 0 ? histograms[phase.rawValue] : nil
    }

    /// Those that were taken, in the order of a session.
    var taken: [(phase: Phase, times: Histogram)] {
        Phase.allCases.compactMap { phase in self[phase].map { (phase, $0) } }
    }
}

/// Where the sessions of one shard note how long their steps took. Not Sendable: it stays on its shard.
final class StepRecorder {
    var times = StepTimes()
}
