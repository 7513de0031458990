import Policy
import Ring
import Telemetry

/// What those who decide have in common on all shards, and through reloads.
final class SharedPolicies: Sendable {
    private struct State {
        /// What rate limits have counted, by the names of the listeners.
        var rates: [String: RateLimitTable] = [:]
        /// By the path of the file.
        var passwords: [String: PasswordStore] = [:]
        /// For hashes of passwords; made when somebody first needs it.
        var offload: Offload?
        /// For questions to PAM, whose modules may take their time: passwords of files do not wait for them. Likewise.
        var pam: Offload?
    }

    private final class Holder: Sendable {
        let state = Locked(State())
    }

    private let holder = Holder()
    let failures = AuthenticationFailures()

    /// How long the end of the server waits for modules of PAM.
    private static let pamPatience = Duration.seconds(1)

    deinit {
        let (offload, pam) = holder.state.withLock { ($0.offload, $0.pam) }
        offload?.close()
        pam?.close(within: Self.pamPatience)
    }

    func rates(of listener: String) -> RateLimitTable {
        holder.state.withLock { state in
            if let known = state.rates[listener] { return known }
            let table = RateLimitTable()
            state.rates[listener] = table
            return table
        }
    }

    func passwords(in path: String, _ log: Log) -> PasswordStore {
        holder.state.withLock { state in
            if let known = state.passwords[path] { return known }
            let store = PasswordStore(path) { log.warning($0) }
            state.passwords[path] = store
            return store
        }
    }

    var offload: Offload {
        holder.state.withLock { state in
            if let known = state.offload { return known }
            let offload = Offload()
            state.offload = offload
            return offload
        }
    }

    var pam: Offload {
        holder.state.withLock { state in
            if let known = state.pam { return known }
            let offload = PAMAuthenticator.offload()
            state.pam = offload
            return offload
        }
    }
}
