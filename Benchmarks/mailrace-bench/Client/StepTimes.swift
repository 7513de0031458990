/// How long each kind of step of sessions took.
struct StepTimes: Sendable {
    private var histograms: [Phase: Histogram] = [:]

    mutating func record(_ phase: Phase, nanoseconds: UInt64) {
        histograms[phase, default: Histogram()].record(nanoseconds: nanoseconds)
    }

    mutating func merge(_ other: StepTimes) {
        for (phase, histogram) in other.histograms { histograms[phase, default: Histogram()].merge(histogram) }
    }

    subscript(_ phase: Phase) -> Histogram? { histograms[phase] }

    /// Those that were taken, in the order of a session.
    var taken: [(phase: Phase, times: Histogram)] {
        Phase.allCases.compactMap { phase in histograms[phase].map { (phase, $0) } }
    }
}

/// Where the sessions of one shard note how long their steps took. Not Sendable: it stays on its shard.
final class StepRecorder {
    var times = StepTimes()
}
