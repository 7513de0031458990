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
    func nextStep(
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
}
