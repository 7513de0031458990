import Settings
import Wire

/// Where the recipients of a listener go.
struct RoutingPlan: Sendable {
    enum Step: Sendable {
        /// The name of an upstream.
        case upstream(String)
        /// The name of a map.
        case map(String)
    }

    /// Empty where there is nothing to decide: all goes to the listener's upstream.
    var steps: [Step] = []
    /// What the detail of a recipient begins with.
    var delimiter: UInt8?
    /// To a recipient that none of them takes.
    var refusal = LocalReply.relayDenied

    init(_ listener: Settings.Listener) {
        guard listener.depth == .envelope, !listener.routes.isEmpty else { return }
        steps = listener.routes.compactMap { route in
            route.map.map { .map($0) } ?? route.upstream.map { .upstream($0) }
        }
        if !listener.upstream.isEmpty { steps.append(.upstream(listener.upstream)) }
        delimiter = listener.recipientDelimiter.utf8.first
        refusal = .relayDenied(code: listener.relayDeniedCode)
    }
}
