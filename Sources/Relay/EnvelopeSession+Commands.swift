import Policy
import Ring
import Telemetry
import Wire

// What each command does before the hand-off.
extension EnvelopeSession {
    /// - Returns: true where the session is handed off.
    func carryOut(_ line: Line) async throws(SessionEnd) -> Bool {
        if isTransactional {
            switch line.verb {
            case .mail, .rcpt, .data, .bdat:
                try await carryOutTransactional(line)
                return false
            case .rset: await giveUpTransaction()
            default: break
            }
        }
        switch line.verb {
        case .ehlo, .helo: try await greetBack(line)
        case .starttls: try await takeIntoTLS(line)
        case .mail: try await takeSender(line)
        case .rcpt: return try await takeRecipient(line)
        case .rset:
            forgetTransaction()
            try answerInVain(.ok)
        case .noop: try answerInVain(.ok)
        case .vrfy: try answerInVain(.notVerified)
        case .help: try answerInVain(.help)
        case .data, .bdat: try refuse(.badSequence)
        case .expn, .etrn: try refuse(.commandNotImplemented)
        case .xclient: try await takeIdentity(line)
        case .xforward: try refuse(.notAuthorised)
        case .quit: throw .quit
        case .lhlo, .unknown: try refuse(.commandNotKnown)
        case .auth: preconditionFailure("AUTH is no line")
        }
        return false
    }

    func forgetTransaction() {
        facts.forgetTransaction()
        (mail, rcpt) = (nil, nil)
    }

    /// What the checks say at a stage.
    func decision(at stage: Stage) async -> StageGate.Decision {
        guard context.policies.gate.stages.contains(stage) else { return .accept }
        takeFoundName()
        return await context.policies.gate.check(stage, facts)
    }

    /// True where the checks let the command pass; else it has been refused.
    @inline(never)
    func passes(_ stage: Stage) async throws(SessionEnd) -> Bool {
        switch await decision(at: stage) {
        case .accept: return true
        case .unavailable(let reply, let check) where isTransactional && stage == .rcpt && reply.code != 421:
            context.counters.add(.checkRefusals, reason: check)
            answerRecipient(reply)
            return false
        case .refuse(let reply, let check), .unavailable(let reply, let check):
            context.counters.add(.checkRefusals, reason: check)
            noteAnswer(render(reply), reply.code, .local)
            if reply.code == 421 { throw .unwelcome(reply) }
            try refuse(reply)
            return false
        }
    }

    // MARK: Who the client is

    private func greetBack(_ line: Line) async throws(SessionEnd) {
        let name: GreetingName
        do throws(EnvelopeCommandError) { name = try GreetingName(argument: line.command.argument) } catch {
            return try refuse(error.reply)
        }
        usesHELO = line.verb == .helo
        extensionsOffered = []
        note(line)
        await giveUpTransaction()
        introductions += 1
        forgetTransaction()
        facts.greeting = Greeting(isExtended: !usesHELO, name: name.bytes)
        guard try await passes(.helo) else {
            facts.greeting = nil
            return
        }
        if usesHELO { context.counters.add(.sessionsNonEsmtp) }
        try answerInVain(usesHELO ? Array("250 \(settings.hostname)\r\n".utf8) : try await ehloReply())
    }

    private func takeIntoTLS(_ line: Line) async throws(SessionEnd) {
        guard settings.starttls != .off else { return try refuse(.commandNotImplemented) }
        guard line.command.argument.isEmpty else { return try refuse(.starttlsTakesNoParameter) }
        let isInPlace = facts.greeting?.isExtended == true && facts.reversePath == nil && !isClientSecure
        guard isInPlace, facts.deferredCredentials == nil else { return try refuse(.badSequence) }
        try await startTLS()
        repliesQueued = 0
        // Nothing that was said in the clear counts (RFC 3207 section 4.2).
        facts.greeting = nil
        forgetLogin()
        introductions += 1
        usesHELO = false
        extensionsOffered = []
        forgetTransaction()
    }

    // MARK: The envelope

    /// A check wants to be asked about the client's name, and there is none that it has let pass.
    var lacksGreeting: Bool { facts.greeting == nil && context.policies.gate.stages.contains(.helo) }

    /// Why there can be no mail now; nil: there can.
    private var obstacle: LocalReply? {
        if settings.starttls == .require, !isClientSecure { return .starttlsRequired }
        if lacksGreeting { return .badSequence }
        let isKnown = facts.login != nil || facts.deferredCredentials != nil
        return isKnown || envelope.authentication.withoutIt != .isRefused ? nil : .authenticationRequired
    }

    func takeSender(_ line: Line) async throws(SessionEnd) {
        if let obstacle {
            if obstacle == .starttlsRequired { context.counters.add(.sessionsTLSRequired) }
            return try refuse(obstacle)
        }
        guard facts.reversePath == nil else { return try refuse(.badSequence) }
        let command: MailCommand
        do throws(EnvelopeCommandError) {
            command = try MailCommand(argument: line.command.argument, syntax: .lenient)
        } catch {
            return try refuse(error.reply)
        }
        if let objection = objection(to: command) { return try refuse(objection) }
        mail = command
        facts.reversePath = EnvelopePath(command: line.text, address: command.sender?.address ?? [])
        guard try await passes(.mail) else { return forgetTransaction() }
        answer(.senderOk)
    }

    private func takeRecipient(_ line: Line) async throws(SessionEnd) -> Bool {
        guard facts.reversePath != nil else {
            try refuse(.badSequence)
            return false
        }
        do throws(EnvelopeCommandError) {
            let command = try RcptCommand(
                argument: line.command.argument, syntax: .lenient, usesSMTPUTF8: mail?.usesSMTPUTF8 == true)
            rcpt = command
            facts.candidate = EnvelopePath(command: line.text, address: command.recipient.address)
        } catch {
            try refuse(error.reply)
            return false
        }
        if try await passes(.rcpt), try await mayGoOn() {
            if try await handOff(to: .envelope) { return true }
            // What was decided holds for this recipient alone.
            if acceptance != nil { forgetLogin() }
        }
        facts.candidate = nil
        rcpt = nil
        return false
    }
}
