/// The counters of the whole process: one `Counters` for each listener and shard, summed when somebody asks.
///
/// Made once, before the shards start, and never changed; so every thread may hold it.
public struct CounterTable: Sendable {
    private let statPrefixes: [String]
    private let shardCount: Int
    /// By listener, then by shard.
    private let cells: [Counters]

    /// - Parameters:
    ///   - statPrefixes: each listener's `stat_prefix`, in the listeners' order. Listeners may share one: they are
    ///     summed.
    ///   - shardCount: the number of shards, at least 1.
    public init(statPrefixes: [String], shardCount: Int) {
        precondition(shardCount > 0)
        self.statPrefixes = statPrefixes
        self.shardCount = shardCount
        cells = statPrefixes.flatMap { _ in (0..<shardCount).map { _ in Counters() } }
    }

    /// What the shard counts for the listener, both by their index.
    public func counters(listener: Int, shard: Int) -> Counters {
        precondition(statPrefixes.indices.contains(listener) && (0..<shardCount).contains(shard))
        return cells[listener * shardCount + shard]
    }

    /// The counter summed over the shards of all listeners with this `stat_prefix`; 0 if there is none.
    public func total(of counter: Counter, statPrefix: String) -> UInt64 {
        sum(statPrefix) { $0.value(of: counter) }
    }

    /// The gauge summed over the shards of all listeners with this `stat_prefix`; 0 if there is none.
    public func total(of gauge: Gauge, statPrefix: String) -> UInt64 {
        sum(statPrefix) { $0.value(of: gauge) }
    }

    /// A snapshot for people and scrapers: one line `name{stat_prefix="mx"} value` for each name and `stat_prefix`, the
    /// names in the order of their definition, each prefix in the order of the listeners. Lines end with LF.
    public func text() -> String {
        var prefixes: [String] = []
        for prefix in statPrefixes where !prefixes.contains(prefix) { prefixes.append(prefix) }
        var lines = ""
        for counter in Counter.allCases {
            for prefix in prefixes {
                lines += Self.line(counter.name, prefix, total(of: counter, statPrefix: prefix))
            }
        }
        for gauge in Gauge.allCases {
            for prefix in prefixes {
                lines += Self.line(gauge.name, prefix, total(of: gauge, statPrefix: prefix))
            }
        }
        return lines
    }

    private static func line(_ name: String, _ prefix: String, _ value: UInt64) -> String {
        "\(name){stat_prefix=\(JSON.quoted(prefix))} \(value)\n"
    }

    private func sum(_ statPrefix: String, _ value: (Counters) -> UInt64) -> UInt64 {
        var sum: UInt64 = 0
        for (listener, prefix) in statPrefixes.enumerated() where prefix == statPrefix {
            for shard in 0..<shardCount { sum &+= value(counters(listener: listener, shard: shard)) }
        }
        return sum
    }
}
