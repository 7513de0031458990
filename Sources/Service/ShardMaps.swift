import Lookup
import Policy
import Relay
import Ring
import Settings
import Telemetry

/// The maps of one shard, and the routers that ask them.
///
/// Not Sendable; lives on its shard.
final class ShardMaps {
    private struct Known {
        let plan: MapPlan
        /// What answers.
        let source: any Map
        /// The same, where its answers are counted, and remembered if they are to be.
        let map: any Map
    }

    private var maps: [String: Known] = [:]
    /// The names of all upstreams.
    private var upstreams: Set<String> = []

    /// Those that are as they were stay, with what they remember; sessions keep the others until they end.
    ///
    /// - Parameters:
    ///   - areNew: none stays: the resolver is another.
    ///   - tally: where answers are counted, by the name of a map.
    ///   - made: is told of each that is made and looks up names.
    func adopt(
        _ plan: ServicePlan, _ resolver: Resolver, areNew: Bool, on shard: isolated Shard, _ log: Log,
        tally: (String) -> MapTally = { _ in MapTally() }, made: (AnyObject) -> Void
    ) {
        let names = Set(plan.upstreams.map(\.name))
        let stay = !areNew && names == upstreams
        var all: [String: Known] = [:]
        for plan in plan.maps {
            let known = maps[plan.settings.name]
            if let known, known.plan.isSame(as: plan), stay, plan.store == nil {
                all[plan.settings.name] = known
                continue
            }
            let source = map(plan, resolver, on: shard, log)
            if source is HTTPMap || source is RedisMap { made(source) }
            let tally = tally(plan.settings.name)
            let map = plan.memory.map { CachedMap(source, $0, on: shard.ring, in: tally) } ?? source
            all[plan.settings.name] = Known(plan: plan, source: source, map: CountedMap(map, in: tally))
        }
        maps = all
        upstreams = names
    }

    private func map(_ plan: MapPlan, _ resolver: Resolver, on shard: isolated Shard, _ log: Log) -> any Map {
        let name = plan.settings.name
        switch plan.kind {
        case .csv(let store): return CSVMap(name, store)
        case .sql(let pool): return SQLMap(name, pool, on: shard.ring, log)
        case .redis(let server):
            let client = RedisClient(server, resolver, timeout: plan.settings.timeout, on: shard)
            return RedisMap(name, prefix: plan.settings.prefix, client, on: shard.ring, log)
        case .http(let settings, let configuration):
            do throws(HTTPError) {
                return try HTTPMap(settings, configuration, on: shard.ring, resolver, log)
            } catch { preconditionFailure("libcurl cannot be used: \(error)") }
        }
    }

    /// Who asks from now on hears that nobody can say.
    func closed() async {
        for known in maps.values {
            (known.source as? HTTPMap)?.close()
            await (known.source as? RedisMap)?.closed()
        }
        maps = [:]
    }

    /// Nil where there is nothing to decide.
    func router(_ plan: RoutingPlan, on ring: Ring, _ log: Log) -> MapRouter? {
        guard !plan.steps.isEmpty else { return nil }
        let steps = plan.steps.map { step -> MapRouter.Step in
            switch step {
            case .upstream(let name): return .upstream(name)
            case .map(let name):
                guard let known = maps[name] else { preconditionFailure("a route without its map") }
                return .map(
                    known.map, keys: MapKeys(known.plan.settings, delimiter: plan.delimiter),
                    settings: known.plan.settings.upstreamSettings)
            }
        }
        return MapRouter(steps, upstreams: upstreams, refusing: plan.refusal, on: ring, log)
    }
}
