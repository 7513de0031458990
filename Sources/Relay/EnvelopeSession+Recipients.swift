import Policy
import Ring
import Telemetry
import Wire

// RCPT, where each transaction goes its own way: the first that an upstream accepts decides where all of them go.
extension EnvelopeSession {
    @inline(never)
    func addRecipient(_ line: Line) async throws(SessionEnd) {
        guard let transaction, transaction.chunks == nil else { return try refuse(.badSequence) }
        defer {
            facts.candidate = nil
            rcpt = nil
        }
        let command: RcptCommand
        do throws(EnvelopeCommandError) {
            command = try RcptCommand(
                argument: line.command.argument, syntax: .lenient, usesSMTPUTF8: mail?.usesSMTPUTF8 == true)
        } catch {
            return try refuse(error.reply)
        }
        if let objection = objection(to: command.parameters) { return try refuse(objection) }
        rcpt = command
        facts.candidate = EnvelopePath(command: line.text, address: command.recipient.address)
        transaction.recipientsTried += 1
        transaction.answer = nil
        let acceptedBefore = transaction.recipientsAccepted
        defer { noteRecipient(of: transaction, isAccepted: transaction.recipientsAccepted > acceptedBefore) }
        if transaction.isLost { return answerRecipient(.upstreamLost) }
        if let putOff = limit(of: transaction) { return answerRecipient(putOff) }
        guard try await passes(.rcpt) else { return }
        let before = (acceptance, facts.login, isLoginOfRecipient)
        // What was decided for another recipient answers no question about this one.
        if isLoginOfRecipient { (acceptance, facts.login, isLoginOfRecipient) = (nil, nil, false) }
        let isAccepted = try await routeRecipient(transaction)
        guard !isAccepted else { return }
        // What was decided holds for this recipient alone.
        (acceptance, facts.login, isLoginOfRecipient) = before
        record.login = facts.login.map { String(decoding: $0.prefix(SessionRecord.loginBytesMax), as: UTF8.self) }
    }

    /// Why there is no room for another recipient; nil: there is.
    private func limit(of transaction: Transaction) -> LocalReply? {
        guard transaction.recipientsAccepted > 0 else { return nil }
        // It answers for each recipient apart, and the client can be told but once (RFC 2033 section 4.2).
        if transaction.routed?.pool.settings.transferProtocol == .lmtp { return .oneRecipientOnly }
        let most = min(envelope.transactions?.recipientsMax ?? 0, link?.offer.recipientsMax ?? .max)
        return transaction.recipientsAccepted >= most ? .tooManyRecipients : nil
    }

    /// A word about one recipient that is no fault of the client's.
    func answerRecipient(_ reply: LocalReply) {
        noteAnswer(render(reply), reply.code, .local)
        decline(reply)
    }

    /// - Returns: true where the recipient was accepted.
    @inline(never)
    private func routeRecipient(_ transaction: Transaction) async throws(SessionEnd) -> Bool {
        let isAsked = facts.login == nil || facts.deferredCredentials != nil
        guard try await mayGoOn() else { return false }
        if isAsked, acceptance != nil { isLoginOfRecipient = true }
        guard let routed = try await findRouteOfRecipient() else { return false }
        guard transaction.recipientsAccepted > 0, let fixed = transaction.routed else {
            return try await relayRecipient(transaction, over: routed)
        }
        let isApart = !fixed.destination.isSamePlace(as: routed.destination)
        // The upstream takes the whole message for that of whom it has been told.
        let isAnothers = link.map { !$0.serves(clientVersion) } ?? false
        guard !isAnothers, !isApart || envelope.transactions?.multiRoute == .first else {
            context.counters.add(.multiRouteDeferred)
            answerRecipient(.multiRouteDeferred)
            return false
        }
        return try await relayRecipient(transaction, over: fixed)
    }

    /// Asks the upstream, and tells the client what it says.
    @inline(never)
    private func relayRecipient(_ transaction: Transaction, over routed: Routed) async throws(SessionEnd) -> Bool {
        try await sendReplies()
        let start = ring.now
        do throws(SessionEnd) {
            let reply = try await upstreamAnswer(over: routed)
            if transaction.recipientsAccepted == 0 {
                transaction.routed = routed
                transaction.upstream = upstreamOfLink
                if link?.isReused == false {
                    transaction.durations.connect =
                        ring.now.nanoseconds(since: start) &- (transaction.durations.envelope ?? 0)
                }
            }
            return try tell(reply, about: transaction)
        } catch {
            if transaction.recipientsAccepted == 0 { transaction.routed = routed }
            guard let reply = replyGoingOn(after: error) else { throw error }
            count(error)
            // What has not been said to it leaves it as it is.
            if error.endedBy != .mailrace {
                await dropLink()
                transaction.isLost = transaction.recipientsAccepted > 0
            }
            if reply.isPermanent, !budget.takeError(max: envelope.errorsMax) { throw .tooManyCommands }
            answer(reply, for: transaction)
            return false
        }
    }

    /// - Returns: true where it is a yes.
    private func tell(_ reply: Reply, about transaction: Transaction) throws(SessionEnd) -> Bool {
        let isAccepted = 250...252 ~= reply.code
        guard isAccepted || reply.isTransientFailure || reply.isPermanentFailure else { throw .upstreamBadReply }
        noteAnswer(reply.bytes, reply.code, .upstream)
        guard isAccepted else {
            if reply.isPermanentFailure {
                guard budget.takeError(max: envelope.errorsMax) else { throw .tooManyCommands }
            }
            answer(reply.bytes)
            return false
        }
        transaction.recipientsAccepted += 1
        if let candidate = facts.candidate { facts.recipients.append(candidate) }
        budget.giveBackCommand()
        answer(reply.bytes)
        return true
    }

    private var upstreamOfLink: TransactionOutcome.Upstream? {
        server.map {
            TransactionOutcome.Upstream(server: $0.name, tls: record.upstreamTLS, isReused: link?.isReused == true)
        }
    }

    // MARK: Failures

    /// What the client is told of a failure of the upstream's where its session goes on; nil where it does not.
    func replyGoingOn(after end: SessionEnd) -> SessionEnd.Farewell? {
        if isAborted { return nil }
        guard end.endedBy == .upstream else { return end.passingReply }
        switch end.end {
        // It is about this upstream: another may take the next message.
        case .upstream421: return .own(.upstreamLeaves)
        // Not wanting anybody's mail is nothing that the client's should bounce for.
        case .upstreamRefused where phase == .greeting: return .own(.upstreamNotReachable)
        // The same holds of EHLO, unless that has the client's own name.
        case .upstreamRefused where phase == .ehloReply && !pool.settings.usesClientsName:
            return .own(.upstreamNotReachable)
        // Who the client is, is settled: it has been told so.
        case .upstreamRefused where phase == .upstreamAuthentication: return .own(.upstreamNotInformed)
        default: return end.passingReply
        }
    }

    /// Tells the client what becomes of what it asked for.
    func answer(_ reply: SessionEnd.Farewell, for transaction: Transaction) {
        switch reply {
        case .own(let reply):
            let bytes = render(reply)
            noteAnswer(bytes, reply.code, .local)
            answer(bytes)
        case .relayed(let reply):
            noteAnswer(reply.bytes, reply.code, .upstream)
            answer(reply.bytes)
        case .silence: preconditionFailure("a failure that passes without a word")
        }
    }

    func noteAnswer(_ bytes: [UInt8], _ code: Int, _ origin: MessageRecord.Origin) {
        transaction?.answer = TransactionOutcome.Answer(code: code, bytes: bytes, origin: origin)
    }
}
