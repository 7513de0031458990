import Ring
import Telemetry

/// What the process is doing, as the main thread says and the heartbeat tells: one short line.
struct ServiceStatus: Sendable, Equatable {
    enum Phase: Sendable, Equatable {
        case starting
        case serving
        case reloading
        /// Another process is being started to take this one's place.
        case upgrading
        case draining(until: Instant)
    }

    var phase = Phase.starting
    var sessions = 0
    var sessionsPerMinute: UInt64 = 0
    /// Servers of the configuration in force, and how many of them at least one shard holds for up.
    var servers = 0
    var serversUp = 0
    /// Shards that do not answer.
    var hungShards: [Int] = []

    func text(at now: Instant) -> String {
        var parts = ["\(sessions) session\(sessions == 1 ? "" : "s")"]
        switch phase {
        case .starting: return "starting"
        case .serving: break
        case .reloading: parts.insert("reloading", at: 0)
        case .upgrading: parts.insert("upgrading", at: 0)
        case .draining(let deadline):
            let seconds = deadline.nanoseconds(since: now) / 1_000_000_000
            return "draining, \(parts[0]) left, \(seconds) s at most"
        }
        parts.append("\(sessionsPerMinute) a minute")
        parts.append("\(serversUp) of \(servers) server\(servers == 1 ? "" : "s") up")
        if !hungShards.isEmpty {
            let numbers = hungShards.map(String.init).joined(separator: ", ")
            parts.append("shard \(numbers) does not answer")
        }
        return parts.joined(separator: ", ")
    }
}
