public import Wire

/// The checks of a listener, asked in their order; the first that does not accept decides.
public final class StageGate {
    /// A check, and what its silence means.
    public struct Entry {
        public let check: any Check
        /// What happens where it cannot say.
        public let ifUnavailable: IfUnavailable

        public init(_ check: any Check, ifUnavailable: IfUnavailable = .refuse) {
            self.check = check
            self.ifUnavailable = ifUnavailable
        }
    }

    public enum IfUnavailable: Sendable {
        /// The client is asked to come again.
        case refuse
        /// As though the check were not there.
        case accept
    }

    /// What all checks together say.
    public enum Decision: Sendable, Equatable {
        case accept
        /// - by: the name of the check, for logs and metrics.
        case refuse(LocalReply, by: String)
        /// The check could not say; the reply is temporary.
        case unavailable(LocalReply, by: String)
    }

    private let entries: [Entry]
    /// Those at which somebody wants to be asked.
    public let stages: Stages

    public init(_ entries: [Entry]) {
        self.entries = entries
        stages = entries.reduce(into: []) { $0.formUnion($1.check.stages) }
    }

    /// Asks those checks that want to be asked at `stage`, one after the other.
    public func check(_ stage: Stage, _ facts: SessionFacts) async -> Decision {
        guard stages.contains(stage) else { return .accept }
        return await ask(stage, facts)
    }

    @inline(never)  // Kept out of the frames that live while a session is idle.
    private func ask(_ stage: Stage, _ facts: SessionFacts) async -> Decision {
        for entry in entries where entry.check.stages.contains(stage) {
            switch await entry.check.check(stage, facts) {
            case .accept: continue
            case .refuse(let reply): return .refuse(reply, by: entry.check.name)
            case .unavailable:
                guard entry.ifUnavailable == .refuse else { continue }
                return .unavailable(.decisionNotAvailable, by: entry.check.name)
            }
        }
        return .accept
    }
}
