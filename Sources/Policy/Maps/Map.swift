public import Lookup

/// Something that knows servers by keys: a table of the configuration, as `[map.NAME]`.
///
/// One instance a shard; its method runs on the session's shard and must not block it.
public protocol Map: AnyObject {
    /// From the configuration.
    var name: String { get }
    /// It answers without ever waiting: nobody has to watch the time.
    var answersAtOnce: Bool { get }
    /// What stands in it.
    var reach: MapReach { get }

    /// - Parameter cancellation: taken back where the answer is no longer wanted; `failed` is the answer then.
    func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer
}

extension Map {
    public var answersAtOnce: Bool { false }
    public var reach: MapReach { .unknown }
}

/// What a map says about a key.
public enum MapAnswer: Sendable, Equatable {
    case found(MapEntry)
    /// It has no such key.
    case missing
    /// It cannot say just now.
    case failed
}

/// What stands behind a key.
public struct MapEntry: Sendable, Hashable {
    /// As the map has it: the name of an upstream, or a server (`MapPlace`).
    public var server: [UInt8]
    /// Whether the server's certificate must be valid; nil: as the upstream's settings say.
    public var verifiesTLS: Bool?

    public init(server: [UInt8], verifiesTLS: Bool? = nil) {
        self.server = server
        self.verifiesTLS = verifiesTLS
    }
}
