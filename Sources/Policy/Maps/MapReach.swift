public import Lookup

/// All that a map may say as it stands. Whoever has gone through it need not do so again while it is the same object.
public final class MapReach: Sendable {
    /// The names of upstreams; nil where the map cannot tell.
    public let upstreams: Set<String>?
    /// Servers that are no upstreams, where it may name any; nil where it cannot tell, or has more than
    /// `RouterReach.serversMax`.
    public let servers: Set<MapServer>?

    /// Anything.
    public static let unknown = MapReach(upstreams: nil, servers: nil)
    /// There is nothing in it.
    public static let nothing = MapReach(upstreams: [], servers: [])

    public init(upstreams: Set<String>?, servers: Set<MapServer>?) {
        self.upstreams = upstreams
        self.servers = servers
    }
}

/// A server that stands in a map.
public struct MapServer: Sendable, Hashable {
    public var address: ServerAddress
    /// Whether its certificate must be valid; nil: as the upstream's settings say.
    public var verifiesTLS: Bool?

    public init(_ address: ServerAddress, verifiesTLS: Bool? = nil) {
        self.address = address
        self.verifiesTLS = verifiesTLS
    }
}
