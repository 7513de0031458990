import Glibc
import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// What a server with this script has an authenticator say.
func outcome(
    of credentials: Credentials?, _ settings: @escaping @Sendable (inout HTTPAuthentication) -> Void = { _ in },
    facts: @escaping @Sendable (SessionFacts) -> Void = { _ in }, by script: @escaping HTTPPeer.Script
) async throws -> (outcome: AuthenticationOutcome, requests: [HTTPPeer.Request]) {
    let peer = try HTTPPeer(script)
    let outcome = try await outcome(of: credentials, asking: ["http://\(peer.address)/auth"], settings, facts: facts)
    return (outcome, peer.requests)
}

/// What an authenticator says that asks these servers.
func outcome(
    of credentials: Credentials?, asking servers: [String],
    _ change: @escaping @Sendable (inout HTTPAuthentication) -> Void = { _ in },
    facts: @escaping @Sendable (SessionFacts) -> Void = { _ in }
) async throws -> AuthenticationOutcome {
    try await withHTTPAuthenticator(asking: servers, change) { shard, authenticator in
        let known = sessionFacts()
        known.authenticationAttempts = 1
        facts(known)
        return await authenticator.authenticate(AuthenticationAttempt(facts: known, credentials: credentials))
    }
}

/// An authenticator on a shard of its own.
func withHTTPAuthenticator<Result: Sendable>(
    asking servers: [String], _ change: @escaping @Sendable (inout HTTPAuthentication) -> Void = { _ in },
    _ body: @escaping @Sendable (isolated Shard, HTTPAuthenticator) async -> Result
) async throws -> Result {
    signal(SIGPIPE, SIG_IGN)
    let servers = try servers.map { try #require(HTTPServer($0)) }
    let result = try await onShard { shard -> Result? in
        var settings = HTTPAuthentication(name: "site", servers: servers)
        settings.timeout = .seconds(10)
        change(&settings)
        guard let client = try? HTTPClient(shard.ring, nil) else { return nil }
        let result = await body(shard, HTTPAuthenticator(settings, client, on: shard.ring))
        client.close()
        return result
    }
    return try #require(result)
}

extension Credentials {
    static func plain(_ user: String, _ password: String) -> Credentials {
        let password = Array(password.utf8)
        return Credentials(
            mechanism: .plain, user: Array(user.utf8), proof: .password(Secret(password.span)))!
    }
}

extension AuthenticationOutcome {
    var acceptance: Acceptance? {
        if case .accepted(let acceptance) = self { acceptance } else { nil }
    }

    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }

    /// The code of the reply, and why.
    var unavailability: (code: Int, because: String)? {
        if case .unavailable(let reply, let reason) = self { (reply.code, reason) } else { nil }
    }
}

extension Secret {
    var text: String { withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) } }
}

extension LocalReply {
    /// `535 5.7.0 No`
    var line: String { "\(code) \(status) \(text)" }
}
