public import Lookup
public import Wire

/// Something that knows where a session, or a recipient, goes.
///
/// One instance a shard; its method runs on the session's shard and must not block it.
public protocol Router: AnyObject {
    /// What it may lead to, the same object for as long as that is the same; nil where it cannot tell. A listener
    /// offers what all servers of it have, and nothing of theirs where they are not known.
    var reach: RouterReach? { get }
    /// Whether recipients of one message may come to go to different places.
    var leadsApart: Bool { get }

    /// - Parameters:
    ///   - facts: `candidate` is the recipient it is about; nil where the whole session is routed.
    ///   - cancellation: taken back where the answer is no longer wanted; `unavailable` is the answer then.
    func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route
}

extension Router {
    public var reach: RouterReach? { nil }
    public var leadsApart: Bool { true }
}

/// What a router says.
public enum Route: Sendable, Equatable {
    case to(Destination)
    /// It has nothing to say about it: the next router is asked.
    case unknown
    /// The client is told no. A 421 ends the session.
    case refuse(LocalReply)
    /// It cannot say just now.
    case unavailable
}

/// Where to.
public struct Destination: Sendable, Hashable {
    /// The name of the upstream, whose settings hold.
    public var upstream: String
    /// The server; nil: one of the upstream's.
    public var server: ServerAddress?
    /// Whether the server's certificate must be valid; nil: as the upstream's settings say.
    public var verifiesTLS: Bool?
    /// By what it was found, for the log and for metrics: the name of a map, or empty where nothing had to be looked
    /// for.
    public var source: String

    public init(upstream: String, server: ServerAddress? = nil, verifiesTLS: Bool? = nil, source: String = "") {
        self.upstream = upstream
        self.server = server
        self.verifiesTLS = verifiesTLS
        self.source = source
    }

    /// Whether mail for the one can go with mail for the other, however each was found.
    public func isSamePlace(as other: Destination) -> Bool {
        upstream == other.upstream && server == other.server && verifiesTLS == other.verifiesTLS
    }
}
