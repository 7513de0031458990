/// What a snapshot has lines of: a name, and a line for each combination of its labels' values.
public struct Series: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// Only grows while the process lives.
        case counter
        /// Goes up and down.
        case gauge
    }

    public let name: String
    public let kind: Kind
    public let labels: [String]
    /// One sentence for the person who reads a snapshot.
    public let help: String

    /// Every series there is, in the order of a snapshot.
    public static let all: [Series] =
        Counter.allCases.map { Series(name: $0.name, kind: .counter, labels: ["stat_prefix"], help: $0.help) }
        + Gauge.allCases.map { Series(name: $0.name, kind: .gauge, labels: ["stat_prefix"], help: $0.help) }
        + CounterFamily.allCases.map {
            Series(name: $0.name, kind: .counter, labels: ["stat_prefix", "reason"], help: $0.help)
        }
        + ServerTally.Value.allCases.map {
            Series(name: $0.name, kind: $0.isGauge ? .gauge : .counter, labels: ["upstream", "server"], help: $0.help)
        }
}
