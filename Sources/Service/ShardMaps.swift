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
        let settings: Settings.Map
        let map: any Map
    }

    private var maps: [String: Known] = [:]
    /// The names of all upstreams.
    private var upstreams: Set<String> = []

    /// Those that are as they were stay, with what they remember; sessions keep the others until they end.
    ///
    /// - Parameters:
    ///   - areNew: none stays: the resolver is another.
    ///   - made: is told of each that is made and looks up names.
    func adopt(
        _ plan: ServicePlan, _ resolver: Resolver, areNew: Bool, on ring: Ring, _ log: Log, made: (AnyObject) -> Void
    ) {
        let names = Set(plan.upstreams.map(\.name))
        let stay = !areNew && names == upstreams
        var all: [String: Known] = [:]
        for plan in plan.maps {
            let known = maps[plan.settings.name]
            if let known, known.settings == plan.settings, stay, plan.store == nil {
                all[plan.settings.name] = known
                continue
            }
            let map = map(plan, resolver, on: ring, log)
            if map is HTTPMap { made(map) }
            all[plan.settings.name] = Known(settings: plan.settings, map: map)
        }
        maps = all
        upstreams = names
    }

    private func map(_ plan: MapPlan, _ resolver: Resolver, on ring: Ring, _ log: Log) -> any Map {
        switch plan.kind {
        case .csv(let store): return CSVMap(plan.settings.name, store)
        case .http(let settings, let configuration):
            do throws(HTTPError) {
                return try HTTPMap(settings, configuration, on: ring, resolver, log)
            } catch { preconditionFailure("libcurl cannot be used: \(error)") }
        }
    }

    /// Who asks from now on hears that nobody can say.
    func close() {
        for known in maps.values { (known.map as? HTTPMap)?.close() }
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
                    known.map, keys: MapKeys(known.settings, delimiter: plan.delimiter),
                    settings: known.settings.upstreamSettings)
            }
        }
        return MapRouter(steps, upstreams: upstreams, on: ring, log)
    }
}
