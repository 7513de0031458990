import Lookup
import Relay

/// A resolver, and the pools that look up names with it: sessions may have such a pool long after a reload has replaced
/// it.
///
/// Not Sendable; lives on its shard.
struct KnownResolver {
    let configuration: ResolverConfiguration
    let resolver: Resolver
    private var users: [User] = []

    private struct User {
        weak var user: AnyObject?
    }

    init(_ resolver: Resolver, _ configuration: ResolverConfiguration) {
        self.resolver = resolver
        self.configuration = configuration
    }

    /// False when the last pool or authenticator has gone.
    var isUsed: Bool { users.contains { $0.user != nil } }

    /// From now on the pool or authenticator looks up names with it.
    mutating func note(_ user: AnyObject) {
        users.removeAll { $0.user == nil }
        users.append(User(user: user))
    }
}
