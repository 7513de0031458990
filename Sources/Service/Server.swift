import CLinux
import Glibc
import Relay
public import Ring
public import Settings
import Synchronization
public import Telemetry

/// The process's life: from settings to listening sockets, sessions, and the end.
public final class Server {
    /// Why a server cannot start.
    public enum StartFailure: Error {
        /// What the configuration names cannot be used.
        case configuration(SettingsProblems)
        /// The system does not give what is needed: io_uring, an address to listen on.
        case unavailable(String)
    }

    /// How a server ended.
    public enum Outcome: Equatable, Sendable {
        /// After all sessions.
        case drained
        /// At once, because it was told to a second time, by this signal.
        case stopped(Int32)
    }

    private let log: Log
    private let drainTimeout: Duration
    private let tunnels: [TunnelSettings]
    private let counters: CounterTable
    /// By listener.
    private let statPrefixes: [String]
    private let limit: SessionLimit
    private let shards: [Shard]
    private let services: [Pinned<ShardService>]
    /// For each listener, the sockets of each shard.
    private let ownSockets: [[[ListeningSocket]]]
    private let handedIn: [[ListeningSocket]]
    let events = ServerEvents()

    /// Gets everything that may fail: rings, certificates, addresses. Blocks for up to a second where memory or an
    /// address is late.
    ///
    /// - Parameter handedIn: by listener, listening sockets bound by someone else; such a listener binds none of its
    ///   own.
    public init(
        _ loaded: LoadedSettings, log: Log, handedIn: [String: [ListeningSocket]] = [:]
    ) throws(StartFailure) {
        self.log = log
        let settings = loaded.settings
        drainTimeout = settings.runtime.drainTimeout
        let plan: TunnelPlan
        do throws(SettingsProblems) { plan = try loaded.planned() } catch { throw .configuration(error) }
        for warning in plan.warnings { log.warning(warning.description) }
        tunnels = plan.tunnels
        let shards = try Self.makeShards(settings.runtime)
        self.shards = shards
        services = shards.map { Pinned(ShardService(), to: $0) }
        self.handedIn = settings.listeners.map { handedIn[$0.name] ?? [] }
        ownSockets = try Self.bind(
            settings.listeners.filter { handedIn[$0.name] == nil }, shards.count, settings.listeners)
        counters = CounterTable(shardCount: shards.count)
        statPrefixes = settings.listeners.map(\.statPrefix)
        let capacity = SessionCapacity(
            configured: settings.runtime.maxSessions, shards: shards.count,
            listeningSockets: ownSockets.joined().joined().count + self.handedIn.joined().count,
            descriptorLimit: SessionCapacity.raisedDescriptorLimit())
        if let warning = capacity.warning { log.warning(warning) }
        limit = SessionLimit(sessionsMax: capacity.sessionsMax)
    }

    private static func makeShards(_ runtime: Settings.Runtime) throws(StartFailure) -> [Shard] {
        let count = runtime.shards > 0 ? runtime.shards : Int(linux_processor_count())
        let features: RingFeatures = runtime.ringFeatures == .kernel61 ? .kernel61 : RingFeatures(rawValue: .max)
        var shards: [Shard] = []
        for number in 0..<count {
            do throws(RingUnavailable) {
                shards.append(try Shard(number: number, allowing: features))
            } catch { throw .unavailable(error.description) }
        }
        return shards
    }

    private static func bind(
        _ bound: [Settings.Listener], _ shards: Int, _ all: [Settings.Listener]
    ) throws(StartFailure) -> [[[ListeningSocket]]] {
        var sockets = all.map { _ in [[ListeningSocket]](repeating: [], count: shards) }
        for (index, listener) in all.enumerated() where bound.contains(listener) {
            for endpoint in listener.listen.compactMap(\.endpoint) {
                do throws(ListeningSocket.Failure) {
                    for (shard, socket) in try Binding(endpoint, shards: shards).sockets.enumerated() {
                        sockets[index][shard].append(socket)
                    }
                } catch {
                    for socket in sockets.joined().joined() { socket.close() }
                    throw .unavailable("listener \(listener.name): cannot listen on \(error.description)")
                }
            }
        }
        return sockets
    }

    /// The addresses listened on, by listener: with the ports that the system chose.
    public var addresses: [(listener: String, address: SocketAddress)] {
        zip(tunnels, zip(ownSockets, handedIn)).flatMap { tunnel, sockets in
            (sockets.0[0] + sockets.1).map { (tunnel.name, $0.address) }
        }
    }

    /// Serves until SIGTERM or SIGINT has been answered by a drain, or by a second one. Blocks.
    public func run() -> Outcome {
        linux_block_signals()
        let threads = shards.map { $0.start() }
        events.takeSignals()
        startListening()
        for (listener, address) in addresses { log.info("listening on \(address) (listener \(listener))") }
        log.info("ready", ["shards": "\(shards.count)", "max_sessions": "\(limit.sessionsMax)"])
        let outcome = serve()
        if case .drained = outcome {
            for shard in shards { shard.post { $0.stop() } }
            for thread in threads { thread.join() }
        }
        logCounters()
        log.info("ended", ["sessions_left": "\(limit.sessions)"])
        return outcome
    }

    private func startListening() {
        let turn = AcceptTurn()
        let services = services
        let emptied: @Sendable () -> Void = { [events] in events.push(.sessionsEmptied) }
        for (number, service) in services.enumerated() {
            let parts = parts(of: number)
            service.shard.post { [limit, log] shard in
                service.reached(on: shard).prepare(parts, on: shard, limit: limit, log: log, emptied: emptied)
            }
        }
        // Messages keep their order: whatever is handed to a shard from now on finds it prepared.
        for (number, service) in services.enumerated() {
            let parts = parts(of: number)
            service.shard.post { shard in
                service.reached(on: shard).accept(parts, on: shard) { listener, descriptor in
                    let place = services[turn.next(of: services.count)]
                    place.shard.post { place.reached(on: $0).serve(descriptor, listener: listener, on: $0) }
                }
            }
        }
    }

    private func parts(of shard: Int) -> [ShardService.Part] {
        tunnels.indices.map { index in
            ShardService.Part(
                settings: tunnels[index], counters: counters.counters(statPrefix: statPrefixes[index], shard: shard),
                ownSockets: ownSockets[index][shard], sharedSockets: handedIn[index])
        }
    }

    private func serve() -> Outcome {
        var isDraining = false
        var drainedShards = 0
        while true {
            switch events.next() {
            case .signal(let number) where number == SIGTERM || number == SIGINT:
                guard !isDraining else { return .stopped(number) }
                isDraining = true
                drain()
            case .signal(SIGUSR1): log.reopen()
            case .signal(SIGUSR2): logCounters()
            case .signal(let number): log.warning("signal \(number) has no meaning in this version")
            case .sessionsEmptied: linux_trim_heap()
            case .shardDrained:
                drainedShards += 1
                if drainedShards == shards.count { return .drained }
            }
        }
    }

    private func drain() {
        log.info("draining", ["sessions": "\(limit.sessions)"])
        let deadline = Instant.current() + drainTimeout
        for (number, service) in services.enumerated() {
            let sockets = ownSockets.flatMap { $0[number] }
            service.shard.post { [events] shard in
                let local = service.reached(on: shard)
                shard.spawn {
                    await local.stopAccepting()
                    for socket in sockets { socket.close() }
                    await local.drain(until: deadline, on: shard)
                    events.push(.shardDrained)
                }
            }
        }
    }

    /// One line for each counter that has moved.
    private func logCounters() {
        for line in counters.text().split(separator: "\n") where !line.hasSuffix(" 0") {
            log.info("counter", ["value": String(line)])
        }
    }
}

/// Whose turn it is to serve the next connection of a shared socket. The kernel wakes one shard much more than the
/// others there, so the shards take turns instead.
private final class AcceptTurn: Sendable {
    private let count = Atomic<Int>(0)

    func next(of shards: Int) -> Int {
        count.add(1, ordering: .relaxed).oldValue % shards
    }
}
