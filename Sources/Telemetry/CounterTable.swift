import Ring

/// The counters of the whole process: one `Counters` for each `stat_prefix` and shard, and one `MapTally` for each map
/// and shard, summed when somebody asks; and a `ServerTally` for each server of an upstream.
///
/// What a listener or a map has counted stays for the process's life: if it goes in a reload and comes back in another,
/// it goes on where it stood. Servers that have gone are forgotten. Every method may be called from any thread.
public final class CounterTable: Sendable {
    struct Listener: Sendable {
        let statPrefix: String
        /// The name of the listener that has the `stat_prefix`, or had it last; nil where none has, or where that
        /// listener has another now.
        var name: String?
        let shards: [Counters]
    }

    struct Server: Sendable {
        var tally: ServerTally
        /// Part of the configuration in force.
        var isConfigured = false
    }

    struct Map: Sendable {
        let name: String
        let shards: [MapTally]
    }

    struct State {
        /// In the order in which they came.
        var listeners: [Listener] = []
        var servers: [Server] = []
        var maps: [Map] = []
    }

    private let shardCount: Int
    let state = Locked(State())

    /// - Parameter shardCount: the number of shards, at least 1.
    public init(shardCount: Int) {
        precondition(shardCount > 0)
        self.shardCount = shardCount
    }

    /// What the shard counts for the listener with this `stat_prefix`: always the same cells.
    public func counters(statPrefix: String, shard: Int) -> Counters {
        precondition((0..<shardCount).contains(shard))
        return state.withLock { state in
            let place = place(of: statPrefix, in: &state)
            return state.listeners[place].shards[shard]
        }
    }

    /// What is counted for the server of the upstream: the same value for as long as somebody holds it.
    public func tally(upstream: String, server: String) -> ServerTally {
        state.withLock { state in
            let place = state.place(upstream: upstream, server: server)
            return state.servers[place].tally
        }
    }

    /// What the shard counts for the map: always the same cells.
    public func tally(map: String, shard: Int) -> MapTally {
        precondition((0..<shardCount).contains(shard))
        return state.withLock { state in
            let place = place(ofMap: map, in: &state)
            return state.maps[place].shards[shard]
        }
    }

    /// The counter summed over the shards; 0 where the `stat_prefix` is not known.
    public func total(of counter: Counter, statPrefix: String) -> UInt64 {
        listener(statPrefix)?.total(of: counter) ?? 0
    }

    /// The gauge summed over the shards; 0 where the `stat_prefix` is not known.
    public func total(of gauge: Gauge, statPrefix: String) -> UInt64 {
        listener(statPrefix)?.total(of: gauge) ?? 0
    }

    /// The family summed over the shards, by reason.
    public func totals(of family: CounterFamily, statPrefix: String) -> [String: UInt64] {
        let totals = listener(statPrefix)?.totals(of: family) ?? []
        return Dictionary(uniqueKeysWithValues: totals.map { ($0.reason, $0.count) })
    }

    /// The counter summed over all listeners there have been.
    public func total(of counter: Counter) -> UInt64 {
        all.listeners.reduce(0) { $0 &+ $1.total(of: counter) }
    }

    private func listener(_ statPrefix: String) -> Listener? {
        state.withLock { state in state.listeners.first { $0.statPrefix == statPrefix } }
    }

    /// The index of the `stat_prefix`, which is known from now on.
    func place(of statPrefix: String, in state: inout State) -> Int {
        if let known = state.listeners.firstIndex(where: { $0.statPrefix == statPrefix }) { return known }
        let shards = (0..<shardCount).map { _ in Counters() }
        state.listeners.append(Listener(statPrefix: statPrefix, shards: shards))
        return state.listeners.count - 1
    }

    /// The index of the map, which is known from now on.
    func place(ofMap name: String, in state: inout State) -> Int {
        if let known = state.maps.firstIndex(where: { $0.name == name }) { return known }
        state.maps.append(Map(name: name, shards: (0..<shardCount).map { _ in MapTally() }))
        return state.maps.count - 1
    }
}

extension CounterTable {
    /// The listeners, servers and maps that have come, in their order.
    var all: State { state.withLock { $0 } }

    /// A snapshot for the log: lines such as
    /// `sessions{stat_prefix="mx"} 7`, `downstream_tls_failures{stat_prefix="mx",reason="expired"} 1`,
    /// `map_lookups{map="customers",outcome="found"} 5` and
    /// `upstream_server_connections{upstream="backend",server="192.0.2.1:25"} 2`. Listeners, maps and servers stand in
    /// the order in which they came, reasons in that of the alphabet. Lines end with LF.
    public func text() -> String {
        let all = all
        let listeners = all.listeners
        var lines = ""
        func add(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: UInt64) {
            let shown = labels.map { "\($0.key)=\(JSON.quoted($0.value))" }.joined(separator: ",")
            lines += "\(name){\(shown)} \(value)\n"
        }
        for counter in Counter.allCases {
            for listener in listeners {
                add(counter.name, ["stat_prefix": listener.statPrefix], listener.total(of: counter))
            }
        }
        for gauge in Gauge.allCases {
            for listener in listeners {
                add(gauge.name, ["stat_prefix": listener.statPrefix], listener.total(of: gauge))
            }
        }
        for family in CounterFamily.allCases {
            for listener in listeners {
                for (reason, count) in listener.totals(of: family) {
                    add(family.name, ["stat_prefix": listener.statPrefix, family.label: reason], count)
                }
            }
        }
        for listener in listeners {
            for (route, count) in listener.routeTotals {
                let labels = zip(MessageRoute.labelNames, route.labels).map { "\($0)=\(JSON.quoted($1))" }
                let shown = ["stat_prefix=\(JSON.quoted(listener.statPrefix))"] + labels
                lines += "\(MessageRoute.name){\(shown.joined(separator: ","))} \(count)\n"
            }
        }
        for family in MapTally.Family.allCases {
            for map in all.maps {
                for value in family.values {
                    add(family.name, ["map": map.name, family.label: value.label], map.total(of: value))
                }
            }
        }
        for value in ServerTally.Value.allCases {
            for tally in all.servers.map(\.tally) {
                add(value.name, ["upstream": tally.upstream, "server": tally.server], UInt64(clamping: tally[value]))
            }
        }
        return lines
    }
}

extension CounterTable.Map {
    func total(of value: MapTally.Value) -> UInt64 { shards.reduce(0) { $0 &+ $1[value] } }
}

extension CounterTable.Listener {
    func total(of counter: Counter) -> UInt64 { shards.reduce(0) { $0 &+ $1.value(of: counter) } }

    func total(of gauge: Gauge) -> UInt64 { shards.reduce(0) { $0 &+ $1.value(of: gauge) } }

    func total(of command: CountedCommand) -> UInt64 { shards.reduce(0) { $0 &+ $1.value(of: command) } }

    func total(of histogram: Histogram) -> HistogramValue {
        shards.reduce(into: HistogramValue()) { $0.add($1.value(of: histogram)) }
    }

    /// The family's counters by reason, in the order of the alphabet.
    func totals(of family: CounterFamily) -> [(reason: String, count: UInt64)] {
        let sums: [String: UInt64] = shards.reduce(into: [:]) { $0.merge($1.values(of: family), uniquingKeysWith: &+) }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The messages by the way they went, in the order of the alphabet.
    var routeTotals: [(route: MessageRoute, count: UInt64)] {
        let sums: [MessageRoute: UInt64] = shards.reduce(into: [:]) { $0.merge($1.routeValues, uniquingKeysWith: &+) }
        return sums.sorted { $0.key.labels.lexicographicallyPrecedes($1.key.labels) }.map { ($0.key, $0.value) }
    }
}
