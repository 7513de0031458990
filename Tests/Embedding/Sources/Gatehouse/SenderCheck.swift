import Policy
import Wire

/// Refuses mail by the domain of its sender.
final class SenderCheck: Check {
    let name = "sender"
    let stages = Stages.mail
    private let unwanted: Set<String>

    init(_ unwanted: Set<String>) {
        self.unwanted = unwanted
    }

    nonisolated(nonsending) func check(_ stage: Stage, _ facts: SessionFacts) async -> Verdict {
        guard let address = facts.reversePath?.address, let at = address.lastIndex(of: UInt8(ascii: "@")) else {
            return .accept
        }
        let domain = String(decoding: address[(at + 1)...], as: UTF8.self).lowercased()
        return unwanted.contains(domain) ? .refuse(Self.refusal) : .accept
    }

    private static let refusal = LocalReply(
        code: 550, status: EnhancedStatus(5, 7, 1)!, text: "No mail from there")!
}
