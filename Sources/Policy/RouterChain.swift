public import Lookup

/// Routers one after the other: the first that has something to say decides.
public final class RouterChain: Router {
    private let routers: [any Router]
    /// What all of them lead to together, as long as each leads to the same.
    private var known: (parts: [RouterReach], whole: RouterReach)?

    public init(_ routers: [any Router]) {
        self.routers = routers
    }

    public var reach: RouterReach? {
        var parts: [RouterReach] = []
        for router in routers {
            guard let part = router.reach else { return nil }
            parts.append(part)
        }
        if let known, known.parts.elementsEqual(parts, by: ===) { return known.whole }
        let whole = RouterReach(parts)
        known = (parts, whole)
        return whole
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
