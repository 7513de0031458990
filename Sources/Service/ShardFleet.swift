import Relay
import Ring
import Synchronization

/// The shards of the process with what they serve, as the main thread sees them.
struct ShardFleet: Sendable {
    let shards: [Shard]
    private let services: [Pinned<ShardService>]
    private let turn = AcceptTurn()

    init(_ shards: [Shard], _ shared: ShardService.Shared) {
        self.shards = shards
        services = shards.map { Pinned(ShardService(shared), to: $0) }
    }

    var count: Int { shards.count }

    /// Runs `step` on every shard at once and returns when all have ended it, with what each has given. Blocks.
    @discardableResult
    func onEach<Result: Sendable>(
        _ step: @escaping @Sendable (ShardService, isolated Shard) async -> Result
    ) -> [Result] {
        let done = BlockingQueue<Result>(limit: count)
        for service in services {
            service.shard.post { shard in
                let local = service.reached(on: shard)
                shard.spawn {
                    _ = done.push(await step(local, shard))
                }
            }
        }
        return services.compactMap { _ in done.pop() }
    }

    /// Has every shard make what may fail. Blocks until that is done.
    ///
    /// - Returns: why the plan cannot be carried out, one line each; then nothing has changed.
    func prepare(_ plan: ServicePlan) -> [String] {
        let reasons = onEach { local, shard in local.prepare(plan, on: shard) }.compactMap { $0 }
        if !reasons.isEmpty { onEach { local, _ in local.giveUp() } }
        return Set(reasons).sorted()
    }

    /// Begins `step` on every shard.
    func begin(_ step: @escaping @Sendable (ShardService, isolated Shard) async -> Void) {
        for number in services.indices { begin(on: number, step) }
    }

    /// Begins `step` on one shard.
    func begin(on number: Int, _ step: @escaping @Sendable (ShardService, isolated Shard) async -> Void) {
        let service = services[number]
        service.shard.post { shard in
            let local = service.reached(on: shard)
            shard.spawn { await step(local, shard) }
        }
    }

    /// Opens these doors everywhere and closes all others. Blocks until that is done.
    func setDoors(_ bindings: [(binding: Binding, listener: ListenerID)]) {
        onEach { [self] local, shard in
            await local.setDoors(doors(bindings, shard.number), on: shard) { serve($0, $1) }
        }
    }

    /// Serves what waits at the sockets of doors that have been closed. Blocks until that is done.
    func serveLeftovers(of bindings: [(binding: Binding, listener: ListenerID)]) {
        onEach { [self] local, shard in
            await local.serveLeftovers(of: doors(bindings, shard.number), on: shard)
        }
    }

    /// Closes sockets, of which no shard accepts any more, for good, with as few as can be who connect in that very
    /// moment and are lost: Unix sockets lose their files first, all are emptied, and looked at once more just before.
    /// What is handed in stays open. Blocks until all is done that takes time.
    func close(_ bindings: [(binding: Binding, listener: ListenerID)]) {
        let own = bindings.filter { !$0.binding.isHandedIn }
        for (binding, _) in own { binding.removeFile() }
        serveLeftovers(of: own)
        for (binding, listener) in own {
            for socket in binding.sockets {
                var late: [Int32] = []
                while late.count < Self.lateMax, let descriptor = socket.takeWaiting() { late.append(descriptor) }
                socket.close()
                for descriptor in late { serve(descriptor, listener) }
            }
        }
    }

    /// Connections that come to one socket while the others are emptied.
    private static let lateMax = 8192

    /// Serves a connection on the shard whose turn it is.
    private func serve(_ descriptor: Int32, _ listener: ListenerID) {
        let place = services[turn.next(of: services.count)]
        place.shard.post { place.reached(on: $0).serve(descriptor, listener, on: $0) }
    }

    private func doors(_ bindings: [(binding: Binding, listener: ListenerID)], _ shard: Int) -> [Door.Plan] {
        bindings.flatMap { binding, listener in
            binding.sockets(of: shard, of: count).map { socket in
                Door.Plan(
                    socket: socket, listener: listener, name: binding.place.listener, isShared: binding.isShared)
            }
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
