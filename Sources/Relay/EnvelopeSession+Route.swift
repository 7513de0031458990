import Lookup
import Policy
import Ring
import Telemetry
import Wire

// Which upstream a session goes to, where a router decides that.
extension EnvelopeSession {
    /// Where a router has sent the session.
    struct Routed {
        let pool: UpstreamPool
        let destination: Destination
    }

    /// Asks the router. Where the session goes nowhere, the client has been told.
    @inline(never)
    func findRoute() async throws(SessionEnd) -> Bool {
        guard let router = context.policies.router else { return true }
        routed = nil
        switch try await answer(of: router) {
        case .unknown: return true
        case .to(let destination):
            routed = lead(to: destination)
            if routed == nil { try putOff() }
        case .refuse(let reply):
            if reply.code == 421 { throw .unwelcome(reply) }
            try refuse(reply)
        case .unavailable: try putOff()
        }
        return routed != nil
    }

    /// Where the recipient goes that is asked about: the router decides, then the authenticator's server goes before
    /// all. Nil where the client has been told that it goes nowhere.
    @inline(never)
    func findRouteOfRecipient() async throws(SessionEnd) -> Routed? {
        var found: Routed? = ownRoute
        if let router = context.policies.router {
            switch try await answer(of: router) {
            case .unknown: break
            case .to(let destination):
                found = lead(to: destination)
                if found == nil { answerRecipient(.routeNotKnown) }
            case .refuse(let reply):
                if reply.code == 421 { throw .unwelcome(reply) }
                try refuseRecipient(reply)
                return nil
            case .unavailable:
                answerRecipient(.routeNotKnown)
                return nil
            }
        }
        guard let found, let server = acceptance?.server else { return found }
        var destination = found.destination
        destination.server = server
        return Routed(pool: found.pool, destination: destination)
    }

    private func putOff() throws(SessionEnd) {
        if isTransactional { decline(.routeNotKnown) } else { try refuse(.routeNotKnown) }
    }

    /// To the listener's own upstream.
    var ownRoute: Routed {
        Routed(pool: context.pool, destination: Destination(upstream: context.pool.settings.name))
    }

    private func refuseRecipient(_ reply: LocalReply) throws(SessionEnd) {
        guard reply.code / 100 == 5 else { return answerRecipient(reply) }
        noteAnswer(render(reply), reply.code, .local)
        try refuse(reply)
    }

    private func answer(of router: any Router) async throws(SessionEnd) -> Route {
        phase = .decision
        completeFacts()
        let cancellation = Cancellation()
        self.cancellation = cancellation
        let start = ring.now
        let route = await router.route(facts, cancellation: cancellation)
        self.cancellation = nil
        note(route, since: start)
        if isDraining { throw .drained }
        try look(at: .waitingClient)
        return route
    }

    private func lead(to destination: Destination) -> Routed? {
        if let pool = pool(named: destination.upstream) { return Routed(pool: pool, destination: destination) }
        context.log.warning(
            "a router names an upstream that is not there",
            ["session": record.id.description, "upstream": destination.upstream])
        return nil
    }

    private func pool(named name: String) -> UpstreamPool? {
        name == context.pool.settings.name ? context.pool : context.policies.upstreams(name)
    }
}
