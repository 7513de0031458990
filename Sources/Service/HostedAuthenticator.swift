import Lookup
import Policy
import Ring

/// An authenticator on one shard that asks by HTTP, with what it asks by. That is closed when the last session lets go
/// of it.
final class HostedAuthenticator: Authenticator {
    private let client: HTTPClient
    private let authenticator: HTTPAuthenticator

    init(
        _ settings: HTTPAuthentication, _ configuration: HTTPConfiguration, on ring: Ring, _ resolver: Resolver
    ) throws(HTTPError) {
        client = try HTTPClient(ring, resolver, configuration)
        authenticator = HTTPAuthenticator(settings, client, on: ring)
    }

    deinit { client.close() }

    var name: String { authenticator.name }
    var needsClientName: Bool { authenticator.needsClientName }

    func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        await authenticator.authenticate(attempt)
    }

    /// Who asks from now on hears that nobody can say.
    func close() { client.close() }
}
