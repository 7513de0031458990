import Relay
import Ring

/// Asks all shards for something at once, and waits for a limited time only: a shard that hangs must not take others
/// with it.
///
/// A shard that has not answered yet is not asked again: however long it hangs and however often somebody asks, one
/// question waits there.
final class ShardSurvey: Sendable {
    /// What came in time.
    struct Answers<Value: Sendable>: Sendable {
        /// In the order of the shards.
        var values: [Value] = []
        /// Shards that did not answer, ascending.
        var silent: [Int] = []
    }

    private struct Round<Value: Sendable> {
        var values: [Int: Value] = [:]
        var left: Int
    }

    /// Shared by whoever asks and by the shards; the latter may come when nobody waits any more.
    private final class Table<Value: Sendable>: Sendable {
        let round: Locked<Round<Value>>

        init(count: Int) {
            round = Locked(Round(left: count))
        }

        func give(_ value: Value, of shard: Int) {
            round.withLock { round in
                round.values[shard] = value
                round.left -= 1
            }
            round.signal()
        }
    }

    private let fleet: ShardFleet
    /// By shard: it has been asked and has not answered.
    private let asked: Locked<[Bool]>

    init(_ fleet: ShardFleet) {
        self.fleet = fleet
        asked = Locked([Bool](repeating: false, count: fleet.count))
    }

    /// Runs `step` on every shard. Blocks for `patience` at most, not on a shard.
    func ask<Value: Sendable>(
        within patience: Duration, _ step: @escaping @Sendable (ShardService, isolated Shard) async -> Value
    ) -> Answers<Value> {
        let free = asked.withLock { asked in
            let free = asked.indices.filter { !asked[$0] }
            for shard in free { asked[shard] = true }
            return free
        }
        let table = Table<Value>(count: free.count)
        for number in free {
            fleet.begin(on: number) { local, shard in
                let value = await step(local, shard)
                self.asked.withLock { $0[number] = false }
                table.give(value, of: number)
            }
        }
        let deadline = Instant.current() + patience
        _ = table.round.withLock(when: { $0.left == 0 }, until: deadline) { _ in }
        let values = table.round.withLock { $0.values }
        let shards = 0..<fleet.count
        return Answers(values: shards.compactMap { values[$0] }, silent: shards.filter { values[$0] == nil })
    }
}
