public import Ring

/// What the process has counted during the last minutes: samples of values that only grow, from which rates are made.
///
/// It keeps one sample a second for a minute and one each ten seconds for a quarter of an hour, and no more. Every
/// method may be called from any thread; the clock is the caller's.
public final class RateHistory: Sendable {
    /// What is sampled, summed over all listeners.
    public enum Value: Int, CaseIterable, Sendable {
        /// Sessions begun.
        case sessions
        /// Clients turned away: over a limit, or not trusted.
        case refused
        /// Bytes received from clients.
        case bytesIn
        /// Bytes sent to clients.
        case bytesOut
    }

    /// The part of the past that a chart shows.
    public enum Span: Sendable {
        /// In steps of a second.
        case minute
        /// In steps of ten seconds.
        case quarterHour
    }

    /// A rate during one step.
    public struct Point: Sendable, Equatable {
        /// Seconds between the step's end and the newest sample.
        public let secondsAgo: Double
        public let perSecond: Double
    }

    private struct Sample {
        let time: Instant
        /// In the order of `Value.allCases`.
        let values: [UInt64]
    }

    /// The newest samples that are at least a step apart; the oldest first.
    private struct Track {
        let stepSeconds: UInt64
        let samplesMax: Int
        var samples: [Sample] = []

        /// The sampler's clock is not quite even: a little less than a step is a step all the same.
        private static let slackNanoseconds: UInt64 = 50_000_000

        mutating func add(_ sample: Sample) {
            let due = stepSeconds * 1_000_000_000 - Self.slackNanoseconds
            if let last = samples.last, sample.time.nanoseconds(since: last.time) < due { return }
            if samples.count == samplesMax { samples.removeFirst() }
            samples.append(sample)
        }
    }

    private struct State {
        var fine = Track(stepSeconds: 1, samplesMax: 61)
        var coarse = Track(stepSeconds: 10, samplesMax: 91)
    }

    private let state = Locked(State())

    public init() {}

    /// Adds what has been counted until `time`. More often than once a second means nothing.
    ///
    /// - Parameter value: gives the count of each value; asked with no lock held.
    public func record(at time: Instant, _ value: (Value) -> UInt64) {
        let sample = Sample(time: time, values: Value.allCases.map(value))
        state.withLock { state in
            state.fine.add(sample)
            state.coarse.add(sample)
        }
    }

    /// How much was counted during the last 60 seconds; since the first sample where that is less long ago.
    public func perMinute(of value: Value) -> UInt64 {
        let samples = state.withLock { $0.fine.samples }
        guard let oldest = samples.first, let newest = samples.last else { return 0 }
        let count = Self.growth(of: value, from: oldest, to: newest)
        let seconds = Self.seconds(from: oldest.time, to: newest.time)
        return seconds <= 60 ? count : UInt64((Double(count) * 60 / seconds).rounded())
    }

    /// The rate of each step, the oldest first; as many as there are, at most 60 or 90.
    public func series(of value: Value, _ span: Span) -> [Point] {
        let samples = state.withLock { span == .minute ? $0.fine.samples : $0.coarse.samples }
        guard let newest = samples.last else { return [] }
        return zip(samples, samples.dropFirst()).map { earlier, later in
            let count = Self.growth(of: value, from: earlier, to: later)
            return Point(
                secondsAgo: Self.seconds(from: later.time, to: newest.time),
                perSecond: Double(count) / Self.seconds(from: earlier.time, to: later.time))
        }
    }

    private static func growth(of value: Value, from earlier: Sample, to later: Sample) -> UInt64 {
        let (count, isLess) = later.values[value.rawValue].subtractingReportingOverflow(earlier.values[value.rawValue])
        return isLess ? 0 : count
    }

    private static func seconds(from earlier: Instant, to later: Instant) -> Double {
        Double(later.nanoseconds(since: earlier)) / 1e9
    }
}
