import Policy
import Ring
import Wire

/// Knows some people by their passwords, and takes a moment to remember.
final class StaffAuthenticator: Authenticator {
    let name = "staff"
    private let passwords: [String: String]
    private let ring: Ring

    init(_ passwords: [String: String], on ring: Ring) {
        self.passwords = passwords
        self.ring = ring
    }

    nonisolated(nonsending) func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        // Other sessions of the shard go on meanwhile.
        await ring.sleep(until: ring.now + .milliseconds(1))
        guard let credentials = attempt.credentials, case .password(let secret) = credentials.proof else {
            return .refused(Refusal(reply: .authenticationRequired))
        }
        let user = String(decoding: credentials.user, as: UTF8.self)
        let password = Array((passwords[user] ?? "").utf8)
        guard !password.isEmpty, secret.isSame(as: password.span) else {
            return .refused(Refusal(reply: .authenticationFailed))
        }
        return .accepted(Acceptance(login: credentials.user))
    }
}
