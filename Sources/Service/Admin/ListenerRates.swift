import Ring
import Telemetry

/// The rates of each listener, by its `stat_prefix`.
final class ListenerRates: Sendable {
    private let histories = Locked<[String: RateHistory]>([:])

    /// Takes a sample of each; listeners that are gone are forgotten.
    func record(at time: Instant, of prefixes: [String], _ counters: CounterTable) {
        let current = histories.withLock { histories in
            histories = Dictionary(prefixes.map { ($0, histories[$0] ?? RateHistory()) }) { first, _ in first }
            return histories
        }
        for (prefix, history) in current {
            history.record(at: time) { value in
                switch value {
                case .sessions: counters.total(of: .sessions, statPrefix: prefix)
                case .refused: Counter.refusals.reduce(0) { $0 &+ counters.total(of: $1, statPrefix: prefix) }
                case .bytesIn: counters.total(of: .downstreamRxBytes, statPrefix: prefix)
                case .bytesOut: counters.total(of: .downstreamTxBytes, statPrefix: prefix)
                }
            }
        }
    }

    /// How much was counted during the last minute.
    func perMinute(of value: RateHistory.Value, statPrefix: String) -> UInt64 {
        histories.withLock { $0[statPrefix] }?.perMinute(of: value) ?? 0
    }
}
