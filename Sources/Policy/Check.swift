public import Wire

/// Something that decides about sessions at stages of theirs.
///
/// One instance a shard, so that it needs no locks; its methods run on the session's shard and must not block it. It
/// may suspend, and is then asked about other sessions meanwhile.
public protocol Check: AnyObject {
    /// For logs and metrics: from the configuration, or the name of the kind.
    var name: String { get }
    /// Where it wants to be asked.
    var stages: Stages { get }

    /// - Parameter stage: one of `stages`.
    func check(_ stage: Stage, _ facts: SessionFacts) async -> Verdict
}

/// What a check says.
public enum Verdict: Sendable, Equatable {
    case accept
    /// The client is told no. A 421 ends the session, anything else refuses what was asked for alone.
    case refuse(LocalReply)
    /// It cannot say just now.
    case unavailable
}
