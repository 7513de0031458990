public import Lookup
public import Policy

/// What decides about the sessions of one listener, on one shard.
///
/// Not Sendable; lives on its shard.
public struct ListenerPolicies {
    /// Asked at the stages of a session.
    public var gate: StageGate
    /// Who knows which clients may, and where to; nil: nobody can authenticate.
    public var authenticator: (any Authenticator)?
    /// Who has failed to authenticate, in the whole process.
    public var failures: AuthenticationFailures
    /// Where the host names of clients are looked up; nil: nobody looks.
    public var hostNames: HostNames?
    /// Where sessions go; nil: to the listener's upstream.
    public var router: (any Router)?
    /// The upstreams that a router may name, by their names.
    public var upstreams: (String) -> UpstreamPool? = { _ in nil }

    public init(
        gate: StageGate = StageGate([]), authenticator: (any Authenticator)? = nil,
        failures: AuthenticationFailures = AuthenticationFailures(), hostNames: HostNames? = nil
    ) {
        self.gate = gate
        self.authenticator = authenticator
        self.failures = failures
        self.hostNames = hostNames
    }
}
