import Lookup
import Policy
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
        phase = .decision
        completeFacts()
        let cancellation = Cancellation()
        self.cancellation = cancellation
        let route = await router.route(facts, cancellation: cancellation)
        self.cancellation = nil
        if isDraining { throw .drained }
        try look(at: .waitingClient)
        switch route {
        case .unknown: return true
        case .to(let destination):
            if let pool = pool(named: destination.upstream) {
                routed = Routed(pool: pool, destination: destination)
                return true
            }
            context.log.warning(
                "a router names an upstream that is not there",
                ["session": record.id.description, "upstream": destination.upstream])
            try refuse(.decisionPutOff)
        case .refuse(let reply):
            if reply.code == 421 { throw .unwelcome(reply) }
            try refuse(reply)
        case .unavailable: try refuse(.decisionPutOff)
        }
        return false
    }

    private func pool(named name: String) -> UpstreamPool? {
        name == context.pool.settings.name ? context.pool : context.policies.upstreams(name)
    }
}
