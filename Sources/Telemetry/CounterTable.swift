import Ring

/// The counters of the whole process: one `Counters` for each `stat_prefix` and shard, summed when somebody asks, and
/// a `ServerTally` for each server of an upstream.
///
/// What has been counted once stays for the process's life: a listener that goes in a reload and comes back in another
/// goes on where it stood. Every method may be called from any thread.
public final class CounterTable: Sendable {
    private struct State {
        /// In the order in which they came.
        var listeners: [(statPrefix: String, shards: [Counters])] = []
        var servers: [ServerTally] = []
    }

    private let shardCount: Int
    private let state = Locked(State())

    /// - Parameter shardCount: the number of shards, at least 1.
    public init(shardCount: Int) {
        precondition(shardCount > 0)
        self.shardCount = shardCount
    }

    /// What the shard counts for the listener with this `stat_prefix`: always the same cells.
    public func counters(statPrefix: String, shard: Int) -> Counters {
        precondition((0..<shardCount).contains(shard))
        return state.withLock { state in
            if let known = state.listeners.first(where: { $0.statPrefix == statPrefix }) { return known.shards[shard] }
            let shards = (0..<shardCount).map { _ in Counters() }
            state.listeners.append((statPrefix, shards))
            return shards[shard]
        }
    }

    /// What is counted for the server of the upstream: always the same value.
    public func tally(upstream: String, server: String) -> ServerTally {
        state.withLock { state in
            if let known = state.servers.first(where: { $0.upstream == upstream && $0.server == server }) {
                return known
            }
            let tally = ServerTally(upstream: upstream, server: server)
            state.servers.append(tally)
            return tally
        }
    }

    /// The counter summed over the shards; 0 where the `stat_prefix` is not known.
    public func total(of counter: Counter, statPrefix: String) -> UInt64 {
        Self.sum(shards(of: statPrefix)) { $0.value(of: counter) }
    }

    /// The counter summed over all listeners and shards.
    public func total(of counter: Counter) -> UInt64 {
        let listeners = state.withLock { $0.listeners }
        return listeners.reduce(0) { sum, listener in sum &+ Self.sum(listener.shards) { $0.value(of: counter) } }
    }

    /// The gauge summed over the shards; 0 where the `stat_prefix` is not known.
    public func total(of gauge: Gauge, statPrefix: String) -> UInt64 {
        Self.sum(shards(of: statPrefix)) { $0.value(of: gauge) }
    }

    /// The family summed over the shards, by reason.
    public func totals(of family: CounterFamily, statPrefix: String) -> [String: UInt64] {
        Self.sums(shards(of: statPrefix), family)
    }

    private func shards(of statPrefix: String) -> [Counters] {
        state.withLock { state in state.listeners.first { $0.statPrefix == statPrefix }?.shards ?? [] }
    }

    private static func sum(_ shards: [Counters], _ value: (Counters) -> UInt64) -> UInt64 {
        shards.reduce(0) { $0 &+ value($1) }
    }

    private static func sums(_ shards: [Counters], _ family: CounterFamily) -> [String: UInt64] {
        shards.reduce(into: [:]) { $0.merge($1.values(of: family), uniquingKeysWith: &+) }
    }
}

extension CounterTable {
    /// A snapshot for people and scrapers, in the order of `Series.all`: lines such as
    /// `sessions{stat_prefix="mx"} 7`, `downstream_tls_failures{stat_prefix="mx",reason="expired"} 1` and
    /// `upstream_server_connections{upstream="backend",server="192.0.2.1:25"} 2`. Listeners and servers stand in the
    /// order in which they came, reasons in that of the alphabet. Lines end with LF.
    public func text() -> String {
        let (listeners, servers) = state.withLock { ($0.listeners, $0.servers) }
        var lines = ""
        func add(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: UInt64) {
            let shown = labels.map { "\($0.key)=\(JSON.quoted($0.value))" }.joined(separator: ",")
            lines += "\(name){\(shown)} \(value)\n"
        }
        for counter in Counter.allCases {
            for (prefix, shards) in listeners {
                add(counter.name, ["stat_prefix": prefix], Self.sum(shards) { $0.value(of: counter) })
            }
        }
        for gauge in Gauge.allCases {
            for (prefix, shards) in listeners {
                add(gauge.name, ["stat_prefix": prefix], Self.sum(shards) { $0.value(of: gauge) })
            }
        }
        for family in CounterFamily.allCases {
            for (prefix, shards) in listeners {
                for (reason, count) in Self.sums(shards, family).sorted(by: { $0.key < $1.key }) {
                    add(family.name, ["stat_prefix": prefix, "reason": reason], count)
                }
            }
        }
        for value in ServerTally.Value.allCases {
            for tally in servers {
                add(value.name, ["upstream": tally.upstream, "server": tally.server], UInt64(clamping: tally[value]))
            }
        }
        return lines
    }
}
