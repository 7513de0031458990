import Lookup
import Policy
import Relay
import Ring
import Settings
import Telemetry

/// A listener of the process, from its coming to its going; another one of its name that comes later is another.
struct ListenerID: Hashable, Sendable {
    let number: Int
}

/// What the shards are to do: a configuration in their terms, one value for all of them.
struct ServicePlan: Sendable {
    let listeners: [Listener]
    let upstreams: [UpstreamSettings]
    var authenticators: [AuthenticatorPlan] = []
    var maps: [MapPlan] = []
    let resolver: ResolverConfiguration

    struct Listener: Sendable {
        let id: ListenerID
        let settings: ListenerSettings
        let statPrefix: String
        /// The name of an upstream: the listener's own, or one that its routes lead to.
        let upstream: String
        let routing: RoutingPlan
        /// The name of an authenticator; nil: none.
        let authenticator: String?
        /// Messages that a client's address may begin.
        let messageRate: RateLimitTable.Values
        let looksUpClientNames: Bool
        /// It has had these very settings before, and may keep what it has made of them.
        let isUnchanged: Bool
    }
}

extension CounterTable.Configuration {
    init(_ plan: ServicePlan) {
        self.init(
            listeners: plan.listeners.map { ($0.settings.name, $0.statPrefix) },
            servers: plan.upstreams.flatMap { upstream in
                upstream.servers.map { (upstream.name, $0.description) }
            }, maps: plan.maps.map(\.settings.name))
    }
}
