import Synchronization

/// What happens to one server of an upstream, in the whole process: one value that all shards share.
///
/// Shared because its limit of connections is one for the process, and because a connection costs far more than the
/// shared addition. Every method may be called from any thread.
public final class ServerTally: Sendable {
    /// The upstream's name in the configuration.
    public let upstream: String
    /// The server as the configuration writes it.
    public let server: String
    /// Who is to be told of places for connections.
    public let places = ServerPlaces()

    private let cells = InlineArray<16, Atomic<Int>> { _ in Atomic(0) }

    public init(upstream: String, server: String) {
        self.upstream = upstream
        self.server = server
        precondition(Value.allCases.count <= cells.count)
    }

    // MARK: Connections

    /// Takes a place for a connection; false where the server has as many as it may.
    ///
    /// In one order with `giveBack` and what `places` knows: who finds none and says that it waits is not passed over.
    ///
    /// - Parameter max: connections that the server may have; 0 is no limit.
    public func tryTake(max: Int) -> Bool {
        let place = Value.connections.rawValue
        var taken = cells[place].load(ordering: .sequentiallyConsistent)
        while max == 0 || taken < max {
            let (exchanged, original) = cells[place].weakCompareExchange(
                expected: taken, desired: taken + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            taken = original
        }
        return false
    }

    /// Gives a place back: once for each `tryTake` that was true.
    public func giveBack() {
        lower(.connections)
    }

    /// Places taken: connections that are being made, and those there are.
    public var connections: Int { cells[Value.connections.rawValue].load(ordering: .sequentiallyConsistent) }

    // MARK: Events

    public func countConnect() { count(.connects) }
    public func countConnectFailure() { count(.connectFailures) }
    public func countFailure() { count(.failures) }
    public func countEjection() { count(.ejections) }
    public func countFailedCheck() { count(.failedChecks) }
    public func countReuse() { count(.reuses) }

    /// A connection is kept for the next session.
    public func raiseIdle() { count(.idle) }

    /// It is not any more: a session has it, or it is closed.
    public func lowerIdle() { lower(.idle) }

    /// One more shard holds the server for up.
    public func raiseUp() { count(.up) }

    /// One shard fewer holds the server for up: it is ejected there, or the shard's pool has ended.
    public func lowerUp() {
        lower(.up)
    }

    // MARK: Values

    /// What is known of a server. All but `connections` and `up` only grow while the process lives.
    public enum Value: Int, CaseIterable, Sendable {
        /// Places taken now.
        case connections
        /// Connections made by sessions, each once it stands.
        case connects
        /// Connections that could not be made, by sessions: refused, unreachable, out of time.
        case connectFailures
        /// Connections that failed after they stood and before the hand-off: what the passive ejection counts.
        case failures
        /// Times that a shard stopped choosing the server, for its failures or its health checks.
        case ejections
        /// Health checks that failed.
        case failedChecks
        /// Shards that hold the server for up.
        case up
        /// Times that a session took a connection that another had left.
        case reuses
        /// Connections that no session has now, kept for the next.
        case idle
    }

    /// The value now.
    public subscript(_ value: Value) -> Int { cells[value.rawValue].load(ordering: .relaxed) }

    private func count(_ value: Value) {
        cells[value.rawValue].add(1, ordering: .relaxed)
    }

    private func lower(_ value: Value) {
        let (before, _) = cells[value.rawValue].subtract(1, ordering: .sequentiallyConsistent)
        precondition(before > 0, "a gauge was lowered more often than raised")
    }
}

extension ServerTally.Value {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String { definition.name }

    /// One sentence for the person who reads a snapshot.
    public var help: String { definition.help }

    /// True for what goes up and down.
    public var isGauge: Bool { [.connections, .up, .idle].contains(self) }

    private var definition: (name: String, help: String) {
        switch self {
        case .connections: ("upstream_server_connections", "Connections to the server, those being made included.")
        case .connects: ("upstream_server_connects", "Connections made.")
        case .connectFailures: ("upstream_server_connect_failures", "Connections that could not be made.")
        case .failures: ("upstream_server_failures", "Connections that failed before the hand-off.")
        case .ejections: ("upstream_server_ejections", "Times that a shard stopped choosing the server.")
        case .failedChecks: ("upstream_server_failed_checks", "Health checks that failed.")
        case .up: ("upstream_server_up", "Shards that hold the server for up.")
        case .reuses: ("upstream_server_connections_reused", "Connections that another session had left, taken.")
        case .idle: ("upstream_server_connections_idle", "Connections kept for the next session.")
        }
    }
}
