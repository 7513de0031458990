/// All that a router may lead to as things stand. Whoever has gone through it need not do so again while it is the same
/// object.
public final class RouterReach: Sendable {
    /// Servers that are no upstreams, of which more are as good as unknown: each is asked what it offers.
    public static let serversMax = 64

    /// The names of the upstreams to all of whose servers it may lead, and of those whose settings hold for servers
    /// that are not known.
    public let upstreams: Set<String>
    /// The servers that it names besides, each with the upstream whose settings hold; nil where they are not known, or
    /// more than `serversMax`.
    public let servers: Set<Destination>?
    /// The names of the upstreams whose settings hold for `servers`.
    public let settings: Set<String>

    /// - Parameter servers: each destination has one.
    public init(upstreams: Set<String>, servers: Set<Destination>? = []) {
        precondition(servers?.allSatisfy { $0.server != nil } != false)
        let settings = Set((servers ?? []).map(\.upstream))
        if let servers, servers.count <= Self.serversMax {
            (self.upstreams, self.servers, self.settings) = (upstreams, servers, settings)
        } else {
            (self.upstreams, self.servers, self.settings) = (upstreams.union(settings), nil, [])
        }
    }

    /// What one of several may lead to.
    convenience init(_ parts: [RouterReach]) {
        let upstreams = parts.reduce(into: Set<String>()) { $0.formUnion($1.upstreams) }
        let servers = parts.reduce(into: Set<Destination>()) { $0.formUnion($1.servers ?? []) }
        if parts.contains(where: { $0.servers == nil }) {
            self.init(upstreams: upstreams.union(servers.map(\.upstream)), servers: nil)
        } else {
            self.init(upstreams: upstreams, servers: servers)
        }
    }
}
