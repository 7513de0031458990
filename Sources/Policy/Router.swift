public import Lookup
public import Wire

/// Something that knows where a session, or a recipient, goes.
///
/// One instance a shard; its method runs on the session's shard and must not block it.
public protocol Router: AnyObject {
    /// - Parameter facts: `candidate` is the recipient it is about; nil where the whole session is routed.
    func route(_ facts: SessionFacts) async -> Route
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

    public init(upstream: String, server: ServerAddress? = nil) {
        self.upstream = upstream
        self.server = server
    }
}
