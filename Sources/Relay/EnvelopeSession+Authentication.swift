import Lookup
import Policy
import Ring
import TLS
import Telemetry
import Wire

// AUTH (RFC 4954). What may be a password is read where it lies and overwritten at once.
extension EnvelopeSession {
    private var policy: EnvelopeSettings.Authentication { envelope.authentication }

    /// Passwords and the like may be said now. Where TLS is required it comes before: the mail behind AUTH would pass
    /// in the clear as well.
    private var isSafe: Bool { isClientSecure || policy.isAllowedBeforeTLS && settings.starttls != .require }

    /// What the reply to EHLO lists.
    var offeredMechanisms: [SASLMechanism] {
        guard context.policies.authenticator != nil, isSafe else { return [] }
        return policy.mechanisms.filter { $0 != .external || hasSoundCertificate }
    }

    private func takes(_ mechanism: SASLMechanism) -> Bool {
        let isTakenUnasked = policy.alwaysTakesPlainAndLogin && (mechanism == .plain || mechanism == .login)
        guard policy.mechanisms.contains(mechanism) else { return isTakenUnasked }
        return mechanism != .external || hasSoundCertificate
    }

    private var hasSoundCertificate: Bool {
        guard let engine = client.layer as? TLSEngine, engine.peerCertificate != nil else { return false }
        return engine.verification?.isRefusal == false
    }

    /// Carries out an AUTH whose line of this length is the client's next input.
    ///
    /// - Returns: true where the session is handed off.
    func authenticate(_ length: Int) async throws(SessionEnd) -> Bool {
        guard let opening = try await begin(length) else { return false }
        var (exchange, step) = (opening.exchange, opening.step)
        // Held until the client has answered it.
        defer { withExtendedLifetime(opening.challenge) {} }
        phase = .authentication
        context.counters.add(.authenticationAttempts, reason: "\(exchange.mechanism)".lowercased())
        while true {
            switch step {
            case .challenge(let text): step = try await nextStep(of: &exchange, after: text)
            case .failed(let error):
                try refuse(error.reply)
                return false
            case .credentials(let credentials): return try await decide(about: credentials, &exchange)
            }
        }
    }

    /// How an exchange begins.
    private struct Opening {
        let exchange: SASLServer
        let step: SASLServer.Step
        /// Of the authenticator's making.
        let challenge: GivenChallenge?
    }

    /// Reads AUTH. Nil where it has been refused.
    @inline(never)  // Kept out of the frames that live while a session is idle.
    private func begin(_ length: Int) async throws(SessionEnd) -> Opening? {
        defer { client.wipeInput(length) }
        let command = client.withInput { AuthCommand(line: $0.extracting(first: length)) }
        let shown = "AUTH \(command?.mechanism?.rawValue ?? CredentialFilter.mark)"
        transcribeSecret(length, as: command?.initialResponse == nil ? shown : "\(shown) \(CredentialFilter.mark)")
        // Where it is refused, the client may say all the same what it would have been asked for.
        self.credentials.noteUnseenLine()
        let isKnown = facts.login != nil || facts.deferredCredentials != nil
        let refusal: LocalReply? =
            if context.policies.authenticator == nil || policy.mechanisms.isEmpty && !policy.alwaysTakesPlainAndLogin {
                .commandNotImplemented
            } else if isKnown || facts.reversePath != nil {
                .authNotNow
            } else if lacksGreeting {
                .badSequence
            } else if !isSafe {
                settings.starttls == .require ? .starttlsRequired : .encryptionRequired
            } else { nil }
        if let refusal {
            try refuse(refusal)
            return nil
        }
        guard let command else {
            try refuse(.authSyntax)
            return nil
        }
        guard let mechanism = command.mechanism, takes(mechanism) else {
            try refuse(.mechanismNotKnown)
            return nil
        }
        var given: GivenChallenge?
        if mechanism == .cramMD5 {
            switch await challenge(for: mechanism) {
            case .own: break
            case .given(let challenge): given = challenge
            case .unavailable(let reply, because: let reason):
                try noteUnavailable(reply, reason)
                return nil
            }
            if isDraining { throw .drained }
            try look(at: .waitingClient)
        }
        var exchange = SASLServer(mechanism, challenge: mechanism == .cramMD5 ? given?.bytes ?? newChallenge : [])
        let step = client.withInput { input in
            let line = input.extracting(first: length)
            guard let response = command.initialResponse else { return exchange.begin(initialResponse: nil) }
            return exchange.begin(initialResponse: line.extracting(response))
        }
        return Opening(exchange: exchange, step: step, challenge: given)
    }

    private func challenge(for mechanism: SASLMechanism) async -> AuthenticationChallenge {
        guard let authenticator = context.policies.authenticator else { return .own }
        phase = .decision
        completeFacts()
        let cancellation = Cancellation()
        self.cancellation = cancellation
        defer { self.cancellation = nil }
        return await authenticator.challenge(for: mechanism, facts, cancellation: cancellation)
    }

    private var newChallenge: [UInt8] {
        SASLServer.challenge(
            random: UInt64.random(in: .min ... .max), seconds: UInt64(max(0, UTCTime.now().unixMilliseconds / 1000)),
            host: settings.hostname)
    }

    /// Sends a challenge, and has the exchange read the answer.
    private func nextStep(
        of exchange: inout SASLServer, after challenge: [UInt8]
    ) async throws(SessionEnd) -> SASLServer.Step {
        answer(Array("334 ".utf8) + challenge + Array("\r\n".utf8))
        try await sendReplies()
        var framer = LineFramer(limitBytes: SASLServer.lineLimitBytes)
        while true {
            switch client.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                transcribeSecret(length, as: CredentialFilter.mark)
                let step = client.withInput { exchange.next($0.extracting(first: length)) }
                client.wipeInput(length)
                return step
            case .tooLong:
                try await dropLongLine()
                return .failed(.tooLong)
            case .incomplete: try await waitForClient()
            }
        }
    }

    // MARK: The decision

    private func decide(
        about credentials: Credentials, _ exchange: inout SASLServer
    ) async throws(SessionEnd) -> Bool {
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
        guard authenticationFailures < policy.failuresMax else { throw .tooManyAuthenticationFailures }
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
        let isAskedAbout = policy.withoutIt == .isAskedAbout && facts.login == nil
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
            of: facts, as: credentials.actingUser, policy.failureLimits, at: ring.now)
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
        context.policies.failures.note(facts, as: credentials.actingUser, policy.failureLimits, at: ring.now)
    }

    private func note(_ acceptance: Acceptance, login: [UInt8]?) {
        self.acceptance = acceptance
        if let login { noteLogin(login) }
    }

    func noteLogin(_ login: [UInt8]) {
        facts.login = login
        record.login = String(decoding: login.prefix(SessionRecord.loginBytesMax), as: UTF8.self)
    }

    private func noteUnavailable(_ reply: LocalReply, _ reason: String) throws(SessionEnd) {
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
