import Lookup
import Relay

/// A resolver, and the pools that look up names with it: sessions may have such a pool long after a reload has replaced
/// it.
///
/// Not Sendable; lives on its shard.
struct KnownResolver {
    let configuration: ResolverConfiguration
    let resolver: Resolver
    private var pools: [WeakPool] = []

    private struct WeakPool {
        weak var pool: UpstreamPool?
    }

    init(_ resolver: Resolver, _ configuration: ResolverConfiguration) {
        self.resolver = resolver
        self.configuration = configuration
    }

    /// False when the last pool has gone.
    var isUsed: Bool { pools.contains { $0.pool != nil } }

    /// From now on the pool looks up names with it.
    mutating func note(_ pool: UpstreamPool) {
        pools.removeAll { $0.pool == nil }
        pools.append(WeakPool(pool: pool))
    }
}
