import Wire

/// Leaves it to the upstream who a client is: AUTH is relayed to it, and its answer is the client's.
///
/// That takes what can be shown to another: a password or a token. A digest is good for one challenge alone, and a
/// certificate is the client's to show; a client that shows nothing is refused.
public final class UpstreamAuthenticator: Authenticator {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        switch attempt.credentials?.proof {
        case .password, .token: .passedOn
        case .digest, .certificate: .refused(Refusal(reply: .mechanismNotKnown))
        case nil: .refused(Refusal(reply: .authenticationRequired))
        }
    }
}
