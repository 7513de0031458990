/// What goes up and down for each listener.
public enum Gauge: Int, CaseIterable, Sendable {
    /// Sessions that have begun and not ended.
    case sessionsActive
    /// Of these, the ones handed off to opaque bytes.
    case sessionsPassthrough
}

extension Gauge {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String {
        switch self {
        case .sessionsActive: "sessions_active"
        case .sessionsPassthrough: "sessions_passthrough"
        }
    }

    /// One sentence for the person who reads a snapshot.
    public var help: String {
        switch self {
        case .sessionsActive: "Sessions that have begun and not ended."
        case .sessionsPassthrough: "Sessions handed off to opaque bytes."
        }
    }
}
