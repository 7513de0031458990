public import Lookup

/// Routers one after the other: the first that has something to say decides.
public final class RouterChain: Router {
    private let routers: [any Router]

    public init(_ routers: [any Router]) {
        self.routers = routers
    }

    public var upstreams: Set<String>? {
        var all: Set<String> = []
        for router in routers {
            guard let upstreams = router.upstreams else { return nil }
            all.formUnion(upstreams)
        }
        return all
    }

    public var leadsApart: Bool { routers.contains(where: \.leadsApart) }

    public func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route {
        for router in routers {
            let route = await router.route(facts, cancellation: cancellation)
            if route != .unknown { return route }
        }
        return .unknown
    }
}
