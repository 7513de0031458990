import Lookup
import Policy
import Relay
import Ring
import Settings
import TLS
import Telemetry

/// What one shard of the server does: its part of every listener and every upstream.
///
/// Not Sendable; lives on its shard. A change of the configuration comes in steps, each of which all shards have taken
/// before the next: `prepare`, `adopt`, `setDoors`, `serveLeftovers`, `retire`.
final class ShardService {
    /// What the shards have in common.
    struct Shared: Sendable {
        let limits: SessionLimits
        let counters: CounterTable
        let log: Log
        let policies = SharedPolicies()
        /// What the program brings that Mailrace is embedded in.
        var program = ProgramPolicies()
        /// Told when most of many sessions have ended.
        let emptied: @Sendable () -> Void
    }

    private struct KnownAuthenticator {
        let settings: Settings.Authenticator
        let authenticator: any Authenticator
    }

    private let shared: Shared
    private var resolver: KnownResolver?
    /// What `prepare` has made.
    private var nextResolver: KnownResolver?
    /// Sessions may still look up names with these, by their pools: there are no more of them than sessions.
    private(set) var formerResolvers: [KnownResolver] = []
    private var pools: [String: UpstreamPool] = [:]
    private var listeners: [ListenerID: (listener: Listener, pool: UpstreamPool)] = [:]
    private var authenticators: [String: KnownAuthenticator] = [:]
    private let maps = ShardMaps()
    /// Of clients; made when a listener first wants them.
    private var hostNames: HostNames?
    /// No longer configured; their sessions go on.
    private var leaving: [ListenerID: Listener] = [:]
    /// By the descriptor of the socket.
    private var doors: [Int32: Door] = [:]
    /// What a reload has replaced and not yet retired.
    private var poolsReplaced: [UpstreamPool] = []

    /// Connections of a socket that goes, served in one turn.
    private static let leftoversSlice = 64
    /// Connections that may wait at one socket: the queue's length, and what comes while it is emptied.
    private static let leftoversMax = 8192

    init(_ shared: Shared) {
        self.shared = shared
    }

    // MARK: Steps of a change

    /// Makes what may fail, and changes nothing.
    ///
    /// - Returns: why the plan cannot be carried out; nil where it can.
    func prepare(_ plan: ServicePlan, on shard: isolated Shard) -> String? {
        guard resolver?.configuration != plan.resolver else { return nil }
        do throws(ResolutionError) {
            let resolver = try Resolver(shard.ring, plan.resolver)
            nextResolver = KnownResolver(resolver, plan.resolver)
            return nil
        } catch { return "dns: \(error)" }
    }

    /// Drops what has been prepared.
    func giveUp() {
        nextResolver.take()?.resolver.close()
    }

    /// Makes what the plan has and the shard has not, and gives the listeners that stay their new settings. What is not
    /// in the plan stays as it is. Certificates and the like have been tried before.
    func adopt(_ plan: ServicePlan, on shard: isolated Shard) async {
        let hasNewResolver = nextResolver != nil
        useNextResolver()
        closeUnusedResolvers()
        guard let resolver = resolver?.resolver else { preconditionFailure("adopted without being prepared") }
        for settings in plan.upstreams {
            let former = pools[settings.name]
            if let former, former.settings == settings, !hasNewResolver { continue }
            let tallies = settings.servers.map {
                shared.counters.tally(upstream: settings.name, server: $0.description)
            }
            let pool = usable { () throws(TLSConfigurationError) in
                try UpstreamPool(settings, on: shard, resolver: resolver, tallies: tallies, log: shared.log)
            }
            self.resolver?.note(pool)
            pools[settings.name] = pool
            pool.start(on: shard)
            if let former { poolsReplaced.append(former) }
            await Task.yield()
        }
        authenticators = adopted(plan.authenticators, resolver, areNew: hasNewResolver, on: shard)
        maps.adopt(plan, resolver, areNew: hasNewResolver, on: shard, shared.log) { [counters = shared.counters] in
            counters.tally(map: $0, shard: shard.number)
        } made: {
            self.resolver?.note($0)
        }
        for part in plan.listeners {
            guard let pool = pools[part.upstream] else { preconditionFailure("a listener without its upstream") }
            adopt(part, pool, on: shard)
            await Task.yield()
        }
    }

    /// Those that are as they were stay; sessions keep the others until they end.
    private func adopted(
        _ plans: [AuthenticatorPlan], _ resolver: Resolver, areNew: Bool, on shard: isolated Shard
    ) -> [String: KnownAuthenticator] {
        var all: [String: KnownAuthenticator] = [:]
        for plan in plans {
            let known = authenticators[plan.settings.name]
            all[plan.settings.name] =
                if let known, known.settings == plan.settings, !areNew { known } else {
                    KnownAuthenticator(
                        settings: plan.settings, authenticator: authenticator(plan, resolver, on: shard))
                }
        }
        return all
    }

    private func authenticator(
        _ plan: AuthenticatorPlan, _ resolver: Resolver, on shard: isolated Shard
    ) -> any Authenticator {
        switch plan.kind {
        case .file(let path):
            return FileAuthenticator(
                plan.settings.name, shared.policies.passwords(in: path, shared.log), on: shared.policies.offload)
        case .dovecot(let address, let timeout):
            return DovecotAuthenticator(plan.settings.name, at: address, timeout: timeout, on: shard)
        case .pam(let service, let timeout):
            return PAMAuthenticator(
                plan.settings.name, service: service, timeout: timeout, on: shard.ring, shared.policies.pam)
        case .upstream: return UpstreamAuthenticator(plan.settings.name)
        case .program(let make): return make(shard.ring)
        case .http(let settings, let configuration):
            do throws(HTTPError) {
                let hosted = try HostedAuthenticator(settings, configuration, on: shard.ring, resolver)
                self.resolver?.note(hosted)
                return hosted
            } catch { preconditionFailure("libcurl cannot be used: \(error)") }
        }
    }

    private func policies(of part: ServicePlan.Listener, on shard: isolated Shard) -> ListenerPolicies {
        var policies = ListenerPolicies(authenticator: part.authenticator.flatMap { authenticators[$0]?.authenticator })
        guard part.settings.envelope != nil else { return policies }
        policies.failures = shared.policies.failures
        if part.looksUpClientNames { policies.hostNames = names(on: shard) }
        var checks: [StageGate.Entry] = []
        if part.messageRate.messagesMax > 0 {
            let table = shared.policies.rates(of: part.settings.name)
            let limit = RateLimit("max_messages_per_address", part.messageRate, table, on: shard.ring)
            checks.append(StageGate.Entry(limit))
        }
        checks += shared.program.checks(part.settings.name, shard.ring)
        policies.gate = StageGate(checks)
        policies.router = router(of: part, on: shard)
        policies.upstreams = { [unowned self] in pools[$0] }
        return policies
    }

    /// The program's router is asked first.
    private func router(of part: ServicePlan.Listener, on shard: isolated Shard) -> (any Router)? {
        let own = maps.router(part.routing, on: shard.ring, shared.log)
        guard let program = shared.program.router(part.settings.name, shard.ring) else { return own }
        return own.map { RouterChain([program, $0]) } ?? program
    }

    /// Those of the resolver that is in use.
    private func names(on shard: isolated Shard) -> HostNames {
        if let hostNames { return hostNames }
        guard let resolver = resolver?.resolver else { preconditionFailure("no resolver") }
        let names = HostNames(on: shard, resolver)
        self.resolver?.note(names)
        hostNames = names
        return names
    }

    private func useNextResolver() {
        guard let next = nextResolver.take() else { return }
        if let resolver { formerResolvers.append(resolver) }
        resolver = next
        hostNames = nil
    }

    private func closeUnusedResolvers() {
        for former in formerResolvers where !former.isUsed { former.resolver.close() }
        formerResolvers.removeAll { !$0.isUsed }
    }

    private func adopt(_ part: ServicePlan.Listener, _ pool: UpstreamPool, on shard: isolated Shard) {
        if let (listener, formerPool) = listeners[part.id] {
            guard !part.isUnchanged || formerPool !== pool else { return }
            let policies = policies(of: part, on: shard)
            usable { () throws(TLSConfigurationError) in
                try listener.use(part.settings, pool: pool, policies: policies)
            }
            listeners[part.id] = (listener, pool)
        } else {
            let counters = shared.counters.counters(statPrefix: part.statPrefix, shard: shard.number)
            let listener = usable { () throws(TLSConfigurationError) in
                try Listener(
                    part.settings, on: shard, pool: pool, policies: policies(of: part, on: shard),
                    limits: shared.limits, counters: counters, log: shared.log, emptied: shared.emptied)
            }
            listeners[part.id] = (listener, pool)
        }
    }

    private func usable<Result>(_ make: () throws(TLSConfigurationError) -> Result) -> Result {
        do throws(TLSConfigurationError) { return try make() } catch {
            preconditionFailure("certificates that were usable a moment ago are not: \(error)")
        }
    }

    /// Opens, redirects and closes doors until there are these. The sockets of those closed stay open.
    ///
    /// - Parameter place: gets each connection of a shared socket; by then every shard has adopted the plan.
    func setDoors(
        _ plans: [Door.Plan], on shard: isolated Shard, place: @escaping (Int32, ListenerID) -> Void
    ) async {
        let wanted = Set(plans.map(\.socket.descriptor))
        for plan in plans {
            if let door = doors[plan.socket.descriptor] {
                door.lead(to: plan)
                continue
            }
            let door = Door(plan)
            doors[plan.socket.descriptor] = door
            door.open(on: shard, log: shared.log) { descriptor, plan in
                if plan.isShared {
                    place(descriptor, plan.listener)
                } else {
                    self.serve(descriptor, plan.listener, on: shard)
                }
            }
        }
        for (descriptor, door) in doors where !wanted.contains(descriptor) {
            doors[descriptor] = nil
            await door.close()
        }
    }

    /// Serves the connections that wait at sockets which are to be closed next. No shard accepts from them any more.
    func serveLeftovers(of plans: [Door.Plan], on shard: isolated Shard) async {
        for plan in plans {
            var count = 0
            while count < Self.leftoversMax, let descriptor = plan.socket.takeWaiting() {
                serve(descriptor, plan.listener, on: shard)
                count += 1
                if count % Self.leftoversSlice == 0 { await Task.yield() }
            }
        }
    }

    /// Lets go of all that is not in the plan. Listeners leave when their last session has ended.
    func retire(except plan: ServicePlan, on shard: isolated Shard) async {
        let staying = Set(plan.listeners.map(\.id))
        for (id, (listener, _)) in listeners where !staying.contains(id) {
            listeners[id] = nil
            leaving[id] = listener
            shard.spawn {
                await listener.drained()
                self.leaving[id] = nil
            }
        }
        let upstreams = Set(plan.upstreams.map(\.name))
        for (name, pool) in pools where !upstreams.contains(name) {
            pools[name] = nil
            poolsReplaced.append(pool)
        }
        let pools = poolsReplaced
        poolsReplaced = []
        for pool in pools { await pool.stop() }
    }

    // MARK: Sessions

    /// Serves a connection that a shard has accepted.
    func serve(_ descriptor: Int32, _ id: ListenerID, on shard: isolated Shard) {
        guard let listener = listeners[id]?.listener ?? leaving[id] else {
            preconditionFailure("a connection came for a listener that was never made")
        }
        listener.serve(descriptor, on: shard)
    }

    /// The oldest of the sessions there are, at most `limit`, and how many there are.
    func oldestSessions(_ limit: Int) async -> (sessions: [SessionSummary], count: Int) {
        var all: (sessions: [SessionSummary], count: Int) = ([], 0)
        for listener in listeners.values.map(\.listener) + Array(leaving.values) {
            let part = await listener.oldestSessions(limit)
            all.count += part.count
            all.sessions = all.sessions.merged(with: part.sessions, limit)
        }
        return all
    }

    // MARK: The end

    /// Ends all sessions, at the latest soon after `deadline`. The doors are closed by then.
    ///
    /// - Parameter gently: no session is told of it before.
    func drain(until deadline: Instant, gently: Bool, on shard: isolated Shard) async {
        let all = listeners.values.map(\.listener) + Array(leaving.values)
        for listener in all { listener.beginDrain(until: deadline, gently: gently, on: shard) }
        for listener in all { await listener.drained() }
        for pool in pools.values { pool.beginStop() }
        for known in authenticators.values {
            (known.authenticator as? HostedAuthenticator)?.close()
            await (known.authenticator as? DovecotAuthenticator)?.closed()
        }
        authenticators = [:]
        await maps.closed()
        // First, as health checks may wait for names.
        for known in formerResolvers + [resolver].compactMap({ $0 }) { known.resolver.close() }
        formerResolvers = []
        resolver = nil
        for pool in pools.values { await pool.stop() }
    }
}
