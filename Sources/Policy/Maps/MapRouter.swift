public import Lookup
public import Ring
public import Telemetry
public import Wire

/// Routes by maps: walks a list of them, each with all its keys, until one knows where to.
///
/// A map that cannot answer ends the walk: what stands behind it could be meant for others.
public final class MapRouter: Router {
    /// One of the list.
    public enum Step {
        /// The name of the upstream that takes whoever has come this far.
        case upstream(String)
        /// - settings: the name of the upstream whose settings hold for servers that the map names; nil: it must name
        ///   upstreams.
        case map(any Map, keys: MapKeys, settings: String?)
    }

    /// For all that is looked up for one recipient.
    public static let timeLimit = Duration.seconds(30)

    private let steps: [Step]
    private let names: Set<String>
    private let refusal: LocalReply
    private let ring: Ring
    private let log: Log
    /// What the steps lead to, as long as the maps are the same.
    private var known: (maps: [MapReach], reach: RouterReach)?
    /// By the names of maps.
    private var warnings: [String: MapWarning] = [:]

    /// - Parameters:
    ///   - steps: those behind an upstream are never come to.
    ///   - upstreams: the names of all that an entry may name.
    ///   - refusal: to a recipient whom nobody knows.
    public init(
        _ steps: [Step], upstreams: Set<String>, refusing refusal: LocalReply = .relayDenied, on ring: Ring, _ log: Log
    ) {
        self.steps = steps
        self.refusal = refusal
        self.ring = ring
        self.log = log
        names = upstreams
    }

    public var reach: RouterReach? {
        let maps = steps.compactMap { if case .map(let map, _, _) = $0 { map.reach } else { nil } }
        if let known, known.maps.elementsEqual(maps, by: ===) { return known.reach }
        let reach = RouterReach(steps.map(reach(of:)))
        known = (maps, reach)
        return reach
    }

    private func reach(of step: Step) -> RouterReach {
        switch step {
        case .upstream(let name): return RouterReach(upstreams: [name])
        case .map(let map, _, let settings):
            let map = map.reach
            let upstreams = map.upstreams ?? names
            // Without settings for them nothing goes to servers that it names.
            guard let settings else { return RouterReach(upstreams: upstreams) }
            guard let servers = map.servers else {
                return RouterReach(upstreams: upstreams.union([settings]), servers: nil)
            }
            let destinations = servers.map {
                Destination(upstream: settings, server: $0.address, verifiesTLS: $0.verifiesTLS)
            }
            return RouterReach(upstreams: upstreams, servers: Set(destinations))
        }
    }

    public var leadsApart: Bool {
        steps.contains { step in
            if case .map(_, let keys, _) = step { keys.areOfRecipients } else { false }
        }
    }

    public func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route {
        let waits = steps.contains { step in
            if case .map(let map, _, _) = step { !map.answersAtOnce } else { false }
        }
        guard waits else { return await walk(facts, cancellation) { _, _, _ in } }
        return await walkInTime(facts, cancellation)
    }

    /// What was asked for, in order, and what was answered: for who wants to see how a route came about.
    public func route(
        _ facts: SessionFacts, cancellation: Cancellation, told: (_ map: String, MapKey, MapAnswer) -> Void
    ) async -> Route {
        await walk(facts, cancellation, told)
    }

    private func walkInTime(_ facts: SessionFacts, _ cancellation: Cancellation) async -> Route {
        guard !cancellation.isCancelled else { return .unavailable }
        let end = Cancellation()
        let timer = Timer(ring) { end.cancel() }
        timer.deadline = ring.now + Self.timeLimit
        let route = await cancellation.whileWatched({ end.cancel() }) { await walk(facts, end) { _, _, _ in } }
        timer.deadline = .never
        return end.isCancelled ? .unavailable : route
    }

    private func walk(
        _ facts: SessionFacts, _ cancellation: Cancellation, _ told: (String, MapKey, MapAnswer) -> Void
    ) async -> Route {
        for step in steps {
            switch step {
            case .upstream(let name): return .to(Destination(upstream: name))
            case .map(let map, let keys, let settings):
                for key in keys.keys(of: facts) {
                    let answer = await map.look(up: key, cancellation: cancellation)
                    told(map.name, key, answer)
                    switch answer {
                    case .missing: continue
                    case .failed: return .unavailable
                    case .found(let entry): return destination(entry, map.name, settings)
                    }
                }
            }
        }
        return .refuse(refusal)
    }

    private func destination(_ entry: MapEntry, _ map: String, _ settings: String?) -> Route {
        switch MapPlace(entry.server, upstreams: names) {
        case .upstream(let name):
            return .to(Destination(upstream: name, verifiesTLS: entry.verifiesTLS, source: map))
        case .server(let server):
            if let settings {
                return .to(
                    Destination(upstream: settings, server: server, verifiesTLS: entry.verifiesTLS, source: map))
            }
            warn("the answer of a map is a server, and it has no upstream_settings", map, entry)
        case nil: warn("the answer of a map is neither an upstream nor a server", map, entry)
        }
        return .unavailable
    }

    private func warn(_ message: String, _ map: String, _ entry: MapEntry) {
        warnings[map, default: MapWarning(map)].note(
            message, String(escaping: entry.server, limitBytes: 100), to: log, at: ring.now)
    }
}
