import Lookup
import Policy
import Ring
import TLS
import Telemetry
import Wire

// What is decided about a client that authenticates, or that does not.
extension EnvelopeSession {
    /// Has somebody decide about what the client has shown, and tells it.
    ///
    /// - Returns: true where the session is handed off.
    func decide(about credentials: Credentials, _ exchange: inout SASLServer) async throws(SessionEnd) -> Bool {
        switch try await outcome(for: credentials) {
        case .accepted(let acceptance):
            note(acceptance, login: acceptance.login ?? credentials.user)
            guard try await passes(.auth) else {
                forgetLogin()
                return false
            }
            if isTransactional {
                shownCredentials = credentials
                answer(.authenticated)
                return false
            }
            let isHandedOff = try await handOff(to: .login(credentials))
            if !isHandedOff { forgetLogin() }
            return isHandedOff
        case .deferred:
            facts.deferredCredentials = credentials
            answer(.authenticated)
        case .passedOn: return try await passOn(credentials)
        case .unavailable(let reply, because: let reason): try noteUnavailable(reply, reason)
        case .refused(let refusal):
            logRefusal(of: credentials)
            try await hold(refusal.delay)
            if case .challenge(let text) = exchange.refuse(reason: refusal.errorDocument) {
                _ = try await nextStep(of: &exchange, after: text)
            }
            if refusal.closes { throw .unwelcome(refusal.reply) }
            try noteFailure()
            try refuse(refusal.reply)
        }
        return false
    }

    /// The client has failed to authenticate. One failure too many ends the session.
    func noteFailure() throws(SessionEnd) {
        authenticationFailures += 1
        guard authenticationFailures < envelope.authentication.failuresMax else { throw .tooManyAuthenticationFailures }
    }

    /// Has the upstream decide.
    private func passOn(_ credentials: Credentials) async throws(SessionEnd) -> Bool {
        isUpstreamsDecision = true
        defer { isUpstreamsDecision = false }
        let isDone = try await handOff(to: .login(credentials))
        return isDone && !isTransactional
    }

    func forgetLogin() {
        facts.login = nil
        record.login = nil
        acceptance = nil
        shownCredentials = nil
    }

    /// Asks about a client that has not authenticated, or of which that was put off. Where it may not go on, it has
    /// been told.
    @inline(never)
    func mayGoOn() async throws(SessionEnd) -> Bool {
        let deferred = facts.deferredCredentials
        let isAskedAbout = envelope.authentication.withoutIt == .isAskedAbout && facts.login == nil
        guard context.policies.authenticator != nil, deferred != nil || isAskedAbout else {
            return true
        }
        switch try await outcome(for: deferred) {
        case .accepted(let acceptance):
            note(acceptance, login: acceptance.login ?? deferred?.user)
            guard deferred != nil, try await !passes(.auth) else { return true }
            forgetLogin()
        case .refused(let refusal):
            if let deferred { logRefusal(of: deferred) }
            try await hold(refusal.delay)
            if refusal.closes { throw .unwelcome(refusal.reply) }
            if deferred != nil { try noteFailure() }
            try refuse(refusal.reply)
        case .unavailable(let reply, because: let reason): try noteUnavailable(reply, reason)
        // There is no later stage, and nothing to show to the upstream.
        case .deferred, .passedOn: try refuse(.decisionPutOff)
        }
        return false
    }

    private func outcome(for credentials: Credentials?) async throws(SessionEnd) -> AuthenticationOutcome {
        guard let authenticator = context.policies.authenticator else { preconditionFailure("nobody to ask") }
        if let credentials, let refusal = refusalOfTooMany(credentials) { return .refused(refusal) }
        phase = .decision
        try await sendReplies()
        if authenticator.needsClientName { try await waitForName() }
        // A drain that began meanwhile had no question to take back.
        if isDraining { throw .drained }
        completeFacts()
        facts.authenticationAttempts += 1
        let cancellation = Cancellation()
        self.cancellation = cancellation
        let start = ring.now
        let attempt = AuthenticationAttempt(facts: facts, credentials: credentials, cancellation: cancellation)
        var outcome = await authenticator.authenticate(attempt)
        self.cancellation = nil
        countFailure(with: credentials, &outcome)
        note(.decisionDuration, since: start)
        if let label = outcome.label { noteDecision(label) }
        if isDraining { throw .drained }
        try look(at: .waitingClient)
        return outcome
    }

    func noteDecision(_ outcome: String) {
        context.counters.add(.authenticationOutcomes, reason: outcome)
        record.decision = outcome
    }

    /// A refusal for who has failed too often, without anybody being asked.
    private func refusalOfTooMany(_ credentials: Credentials) -> Refusal? {
        let subject = context.policies.failures.subjectAtLimit(
            of: facts, as: credentials.actingUser, envelope.authentication.failureLimits, at: ring.now)
        guard let subject else { return nil }
        noteDecision("too_many_failures_of_\(subject.rawValue)")
        context.failureWarning.note(
            subject == .user
                ? String(escaping: credentials.actingUser, limitBytes: SessionRecord.loginBytesMax)
                : AddressKey(facts.client).description,
            listener: settings.name, to: context.log, at: ring.now)
        return Refusal(reply: .tooManyFailures)
    }

    /// Counts a no for good, and has it held back.
    private func countFailure(with credentials: Credentials?, _ outcome: inout AuthenticationOutcome) {
        guard let credentials, case .refused(var refusal) = outcome, refusal.reply.code / 100 == 5 else { return }
        refusal.delay = max(refusal.delay, countFailure(with: credentials))
        outcome = .refused(refusal)
    }

    /// Counts a no for good among those of the address and the user.
    ///
    /// - Returns: how long the answer is to be held back.
    func countFailure(with credentials: Credentials) -> Duration {
        context.policies.failures.note(
            facts, as: credentials.actingUser, envelope.authentication.failureLimits, at: ring.now)
    }

    private func note(_ acceptance: Acceptance, login: [UInt8]?) {
        self.acceptance = acceptance
        if let login { noteLogin(login) }
    }

    func noteLogin(_ login: [UInt8]) {
        facts.login = login
        record.login = String(decoding: login.prefix(SessionRecord.loginBytesMax), as: UTF8.self)
    }

    func noteUnavailable(_ reply: LocalReply, _ reason: String) throws(SessionEnd) {
        context.log.warning(
            "no decision about a client",
            [
                "session": record.id.description, "authenticator": context.policies.authenticator?.name ?? "",
                "reason": reason,
            ])
        if isTransactional { answerRecipient(reply) } else { try refuse(reply) }
    }

    /// For who keeps clients out that guess. The user is the last field: no client can write those before it.
    func logRefusal(of credentials: Credentials) {
        context.log.info(
            "authentication refused",
            [
                "session": record.id.description, "listener": record.listener, "client": record.client,
                "proxy": record.proxy ?? "none", "mechanism": "\(credentials.mechanism)",
                "user": String(decoding: credentials.user.prefix(SessionRecord.loginBytesMax), as: UTF8.self),
            ], event: .authenticationRefused)
    }

    /// Holds a refusal back.
    func hold(_ delay: Duration) async throws(SessionEnd) {
        guard delay > .zero else { return }
        let pause = Alarm()
        self.pause = pause
        await pause.sleep(on: ring, until: ring.now + min(delay, EnvelopeLimits.refusalDelayMax))
        self.pause = nil
        if isDraining { throw .drained }
        try look(at: .waitingClient)
    }

    /// Fills in what those who decide may ask for, and which costs something to find out.
    func completeFacts() {
        takeFoundName()
        facts.local = identity.destination(of: client)
        guard facts.tls == nil, let engine = client.layer as? TLSEngine else { return }
        facts.tls = ClientTLS(
            protocolVersion: engine.protocolVersion ?? "", cipher: engine.cipher ?? "",
            serverName: engine.serverName, verification: engine.asksForCertificate ? engine.verification : nil,
            certificate: engine.peerCertificate)
    }
}

extension AuthenticationOutcome {
    /// For logs and metrics; nil where it is no decision.
    fileprivate var label: String? {
        switch self {
        case .accepted: "accepted"
        case .refused: "refused"
        case .unavailable: "unavailable"
        case .deferred: "deferred"
        case .passedOn: nil
        }
    }
}
