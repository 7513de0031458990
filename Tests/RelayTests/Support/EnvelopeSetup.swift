import Lookup
import Policy
import Relay
import Ring
import TestSupport
import Testing
import Wire

extension Setup {
    /// A listener at envelope depth.
    static func envelope(
        _ starttls: ListenerSettings.StartTLSPolicy = .off, _ change: (inout Setup) -> Void = { _ in }
    ) -> Setup {
        Setup(starttls) { setup in
            setup.listener.hostname = "relay.example"
            setup.listener.envelope = EnvelopeSettings()
            change(&setup)
        }
    }

    var envelope: EnvelopeSettings {
        get { listener.envelope ?? EnvelopeSettings() }
        set { listener.envelope = newValue }
    }

    /// Clients must authenticate, also outside TLS.
    mutating func authenticate(
        by mechanisms: [SASLMechanism] = [.plain, .login], _ decide: @escaping ScriptedAuthenticator.Decision
    ) {
        envelope.authentication.mechanisms = mechanisms
        envelope.authentication.withoutIt = .isRefused
        envelope.authentication.isAllowedBeforeTLS = true
        policies = { _ in ListenerPolicies(authenticator: ScriptedAuthenticator(decide)) }
    }

    /// Nobody ever gets an answer.
    mutating func silentAuthenticator() {
        policies = { ListenerPolicies(authenticator: SilentAuthenticator($0)) }
    }

    /// As above; all are welcome.
    mutating func authenticateAll(by mechanisms: [SASLMechanism] = [.plain, .login]) {
        authenticate(by: mechanisms) { _ in .accepted(Acceptance(login: nil)) }
    }
}

/// Says what the test wants.
final class ScriptedAuthenticator: Authenticator {
    typealias Decision = @Sendable (AuthenticationAttempt) -> AuthenticationOutcome

    let name = "script"
    private let decide: Decision

    init(_ decide: @escaping Decision) {
        self.decide = decide
    }

    func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome { decide(attempt) }
}

/// Makes its own challenges, and notes whose are never answered.
final class ChallengingAuthenticator: Authenticator {
    let name = "challenge"
    private let challenge: [UInt8]?
    private let noted: Noted

    init(_ challenge: String?, _ noted: Noted) {
        self.challenge = challenge.map { Array($0.utf8) }
        self.noted = noted
    }

    func challenge(
        for mechanism: SASLMechanism, _ facts: SessionFacts, cancellation: Cancellation
    ) async -> AuthenticationChallenge {
        guard let challenge, let given = GivenChallenge(challenge, isForgotten: { [noted] in noted.note("forgotten") })
        else { return .unavailable(.authenticationNotAvailable, because: "no challenge") }
        return .given(given)
    }

    func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        guard case .digest(_, let challenge) = attempt.credentials?.proof else { return .deferred }
        noted.note(String(decoding: challenge, as: UTF8.self))
        return .refused(Refusal(reply: .authenticationFailed))
    }
}

/// Never answers until it is taken back.
final class SilentAuthenticator: Authenticator {
    let name = "silence"
    private let ring: Ring

    init(_ ring: Ring) {
        self.ring = ring
    }

    func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        let alarm = Alarm()
        await attempt.cancellation.whileWatched({ alarm.turnOff() }) {
            await alarm.sleep(on: ring, until: .never)
        }
        return .unavailable(attempt.unavailableReply, because: "taken back")
    }
}

/// Says the same at each of its stages.
final class ScriptedCheck: Check {
    let name = "script"
    let stages: Stages
    private let verdict: @Sendable (Stage, SessionFacts) -> Verdict

    init(_ stages: Stages, _ verdict: @escaping @Sendable (Stage, SessionFacts) -> Verdict) {
        self.stages = stages
        self.verdict = verdict
    }

    func check(_ stage: Stage, _ facts: SessionFacts) async -> Verdict { verdict(stage, facts) }
}

/// What a test has seen on the shard.
final class Noted: Sendable {
    private let texts = Locked<[String]>([])

    func note(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
}

extension TestRelay {
    static let envelopeGreeting = "220 relay.example ESMTP\r\n"

    /// A client that has been greeted.
    func greetedClient() throws -> Peer {
        let client = try client()
        try client.expect(Self.envelopeGreeting)
        return client
    }

    /// A client that has said EHLO.
    func introducedClient() throws -> Peer {
        let client = try greetedClient()
        try client.introduce()
        return client
    }

    /// True where nobody has dialled the upstream.
    var isUpstreamAlone: Bool { get throws { try !server.isCalled(withinMilliseconds: 0) } }

    /// As the upstream: greets the relay and answers its EHLO.
    func introducedUpstream(_ capabilities: [String] = []) throws -> Peer {
        let upstream = try upstream()
        try upstream.greet(capabilities)
        return upstream
    }
}

extension Peer {
    /// As a client: sends a command and reads its reply, of which only the beginning has to be right where it ends in a
    /// session's id.
    func ask(_ command: String, _ reply: String) throws {
        try send(command + "\r\n")
        try expectReply(reply)
    }

    func expectReply(_ reply: String) throws {
        let line = try line()
        let isNegative = reply.hasPrefix("4") || reply.hasPrefix("5")
        guard line == reply || isNegative && line.hasPrefix(reply + " [") else {
            throw Failure(description: "\(reply) expected, got \(line)")
        }
    }

    /// As a client: the session is over. Leaving at once saves the relay the wait for that.
    func isLeft() throws {
        try expectEnd()
        close()
    }

    func introduce(as name: String = "client.example") throws {
        try send("EHLO \(name)\r\n")
        while try line().hasPrefix("250-") {}
    }

    /// As the upstream.
    func greet(_ capabilities: [String] = []) throws {
        try send(Dialogue.greeting)
        try answer("EHLO relay.example", Peer.ehloReply(capabilities))
    }

    static func ehloReply(_ capabilities: [String] = []) -> String {
        let lines = ["mx.example"] + capabilities
        return lines.dropLast().map { "250-\($0)\r\n" }.joined() + "250 \(lines[lines.count - 1])"
    }

    /// As the upstream: expects a command and answers it.
    func answer(_ command: String, _ reply: String) throws {
        try expect(command + "\r\n")
        try send(reply + "\r\n")
    }
}
