import Glibc
import Lookup
public import Policy
import Relay
public import Ring
public import Settings
import Telemetry

/// A question where the mail for a recipient goes, asked without a session: by `mailrace route`.
public struct RouteInquiry: Sendable, Equatable {
    /// The name of the listener whose routes are meant; nil: the only one there is.
    public var listener: String?
    public var recipient: EnvelopePath
    public var sender: EnvelopePath?
    public var client = SocketAddress.loopback(port: 0)
    public var login: [UInt8]?

    public init(recipient: EnvelopePath) {
        self.recipient = recipient
    }

    public struct Answer: Sendable {
        /// The listener's name.
        public let listener: String
        public let route: Route
        /// In the order in which they were taken.
        public let steps: [Step]

        public init(listener: String, route: Route, steps: [Step]) {
            self.listener = listener
            self.route = route
            self.steps = steps
        }
    }

    /// A look into a map.
    public struct Step: Sendable, Equatable {
        /// The name of the map.
        public let map: String
        public let key: MapKey
        public let answer: MapAnswer

        public init(map: String, key: MapKey, answer: MapAnswer) {
            self.map = map
            self.key = key
            self.answer = answer
        }
    }

    /// Why there is no answer.
    public enum Failure: Error {
        /// It is not clear whose routes are meant; in words.
        case listener(String)
        case configuration(SettingsProblems)
        /// There is no ring to ask on; in words.
        case unavailable(String)
    }

    /// Reads the files of the maps, connects to their databases and asks. Blocks: the calling thread becomes a shard,
    /// for `MapRouter.timeLimit` at most. What is to be warned of goes to the standard error.
    public func answer(_ loaded: LoadedSettings) throws(Failure) -> Answer {
        let listener = try self.listener(in: loaded.settings)
        let plan: RoutePlan
        do throws(SettingsProblems) { plan = try loaded.routePlan(of: listener) } catch { throw .configuration(error) }
        guard !plan.routing.steps.isEmpty else {
            return Answer(listener: listener.name, route: .to(Destination(upstream: listener.upstream)), steps: [])
        }
        return try ask(plan)
    }

    private func listener(in settings: Settings) throws(Failure) -> Settings.Listener {
        let names = settings.listeners.map(\.name)
        if let name = listener {
            if let found = settings.listeners.first(where: { $0.name == name }) { return found }
            throw .listener("there is no listener.\(name)\(Spelling.hint(for: name, among: names))")
        }
        guard settings.listeners.count == 1 else {
            throw .listener(
                names.isEmpty ? "there is no listener" : "--listener must say which: \(names.joined(separator: ", "))")
        }
        return settings.listeners[0]
    }

    private func ask(_ plan: RoutePlan) throws(Failure) -> Answer {
        // Servers may close connections at any time.
        signal(SIGPIPE, SIG_IGN)
        let log: Log
        let shard: Shard
        do {
            shard = try Shard()
            log = try Log(.standardError, format: .text, level: .warning)
        } catch { throw .unavailable("\(error)") }
        defer { log.close() }
        let answers = BlockingQueue<Result<Answer, Unusable>>(limit: 1)
        shard.post { shard in
            shard.spawn {
                _ = answers.push(await self.ask(plan, log, on: shard))
                shard.stop()
            }
        }
        shard.run()
        switch answers.pop() {
        case .success(let answer): return answer
        case .failure(let reason): throw .unavailable(reason.text)
        case nil: preconditionFailure("a shard ended without an answer")
        }
    }

    private struct Unusable: Error {
        let text: String
    }

    private func ask(_ plan: RoutePlan, _ log: Log, on shard: isolated Shard) async -> Result<Answer, Unusable> {
        let resolver: Resolver
        do throws(ResolutionError) { resolver = try Resolver(shard.ring, plan.service.resolver) } catch {
            return .failure(Unusable(text: "dns: \(error)"))
        }
        defer { resolver.close() }
        let maps = ShardMaps()
        maps.adopt(plan.service, resolver, areNew: true, on: shard, log) { _ in }
        guard let router = maps.router(plan.routing, on: shard.ring, log) else {
            preconditionFailure("routes without a router")
        }
        let end = Cancellation()
        let timer = Timer(shard.ring) { end.cancel() }
        timer.deadline = shard.ring.now + MapRouter.timeLimit
        var steps: [Step] = []
        let route = await router.route(facts(plan.listener), cancellation: end) { map, key, answer in
            steps.append(Step(map: map, key: key, answer: answer))
        }
        timer.deadline = .never
        await maps.closed()
        return .success(Answer(listener: plan.listener, route: route, steps: steps))
    }

    private func facts(_ listener: String) -> SessionFacts {
        let id = SessionID(shard: 0, time: UTCTime.now(), counter: 0)
        let facts = SessionFacts(id: id, listener: listener, client: client)
        facts.login = login
        facts.reversePath = sender
        facts.candidate = recipient
        return facts
    }
}

/// What is needed to look up the routes of one listener.
struct RoutePlan: Sendable {
    /// Its name.
    let listener: String
    let routing: RoutingPlan
    /// Its maps; nobody listens, and of upstreams there are the names.
    let service: ServicePlan
}

extension LoadedSettings {
    /// Reads the files of those maps that the listener's routes name.
    fileprivate func routePlan(of listener: Settings.Listener) throws(SettingsProblems) -> RoutePlan {
        let names = Set(listener.routes.compactMap(\.map))
        let maps = settings.maps.filter { names.contains($0.name) }.map { mapPlan(of: $0, after: []) }
        let problems = maps.compactMap(problem)
        guard problems.isEmpty else { throw SettingsProblems(list: problems) }
        let upstreams = settings.upstreams.map { UpstreamSettings(name: $0.name, servers: []) }
        return RoutePlan(
            listener: listener.name, routing: RoutingPlan(listener),
            service: ServicePlan(listeners: [], upstreams: upstreams, maps: maps, resolver: resolverConfiguration))
    }

    /// What is wrong with the file of a map.
    private func problem(with map: MapPlan) -> SettingsProblem? {
        guard let store = map.store else { return nil }
        store.refresh()
        return store.problem.map { problem(with: "map.\(map.settings.name).file", "\(store.path): \($0)") }
    }
}
