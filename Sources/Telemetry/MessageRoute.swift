/// The way that a message went, as it is counted: words out of the configuration, so that there are few.
public struct MessageRoute: Sendable, Hashable {
    /// By what the route was found: the name of a map, or `directSource`.
    public let source: String
    /// The name of the upstream.
    public let upstream: String
    /// What became of the message.
    public let outcome: MessageRecord.Outcome

    public init(source: String, upstream: String, outcome: MessageRecord.Outcome) {
        self.source = source
        self.upstream = upstream
        self.outcome = outcome
    }

    /// The source of routes for which nothing had to be looked for.
    public static let directSource = "direct"

    static let name = "route_messages"
    static let help = "Messages by the route they took and what became of them."
    static let labelNames = ["source", "upstream", "outcome"]

    /// In the order of `labelNames`.
    var labels: [String] { [source, upstream, outcome.rawValue] }
}
