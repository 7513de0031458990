import Policy
import Ring
import Telemetry
import Wire

// Where each transaction goes its own way: the session stays in the protocol to its end.
extension EnvelopeSession {
    /// What differs from a session that is handed off. The other commands are the same.
    @inline(never)
    func carryOutTransactional(_ line: Line) async throws(SessionEnd) {
        switch line.verb {
        case .mail: try await beginTransaction(line)
        case .rcpt: try await addRecipient(line)
        case .data: try await takeMessage(line)
        case .bdat: try await takeChunk(line)
        default: preconditionFailure("a command that is the same for all")
        }
    }

    // MARK: MAIL

    @inline(never)
    private func beginTransaction(_ line: Line) async throws(SessionEnd) {
        if transaction?.chunks?.hasFailed == true { endTransaction(.refused) }
        let isFirst = transaction == nil
        try await takeSender(line)
        guard isFirst, facts.reversePath != nil else { return }
        transactionsBegun += 1
        transaction = Transaction(number: transactionsBegun, at: ring.now)
    }

    /// Why MAIL with these parameters is not taken; nil: it is.
    func objection(to mail: MailCommand) -> LocalReply? {
        guard let transactions = envelope.transactions else { return nil }
        if let objection = objection(to: mail.parameters) { return objection }
        let most = transactions.messageBytesMax
        if let size = mail.size, most > 0, size > most { return .messageTooLarge }
        return nil
    }

    /// Parameters that nobody here knows, or that were not offered.
    func objection(to parameters: [EnvelopeParameter]) -> LocalReply? {
        parameters.contains { !isOffered($0) } ? .parameterNotTaken : nil
    }

    private func isOffered(_ parameter: EnvelopeParameter) -> Bool {
        switch parameter.capability {
        case nil: false
        // These ask for nothing: a size that is too large is refused for that, and who submitted a message is taken
        // note of by nobody.
        case .size, .auth: true
        case .eightBitMIME where !parameter.isEightBitMIME: true
        case .some(let capability): extensionsOffered.contains(capability)
        }
    }

    // MARK: The end

    /// The transaction is over: whatever the upstream has of it, it is told to forget it before the next.
    func endTransaction(_ end: TransactionOutcome.End) {
        guard let ended = transaction.take() else { return }
        if ended.recipientsTried > 0 { noteMessage(of: ended, end) }
        if link?.state == .mail { link?.state = .stale }
        restLink()
        facts.forgetTransaction()
        (mail, rcpt) = (nil, nil)
        forgetLoginOfRecipient()
        if isDrainPutOff { isDraining = true }
    }

    /// The client gives the transaction up. An upstream that has part of the message must not take that for all.
    @inline(never)
    func giveUpTransaction() async {
        guard transaction != nil else { return }
        if link?.state == .message { await dropLink() }
        endTransaction(transaction?.chunks?.hasFailed == true ? .refused : .givenUp)
    }

    /// What was decided about the client for a recipient holds no longer.
    private func forgetLoginOfRecipient() {
        guard isLoginOfRecipient else { return }
        isLoginOfRecipient = false
        forgetLogin()
    }

    /// Takes leave of the upstream where the session ends.
    @inline(never)
    func leaveTransactions(_ error: SessionEnd) async {
        // Between two messages it may serve others, however this session ends.
        let isPolite = error.end == .quit || link?.state == .ready && !isAborted
        if isPolite, link?.state != .message { await releaseLink() } else { await dropLink() }
        let end: TransactionOutcome.End =
            switch error.end {
            case .quit: .givenUp
            case .drained: .drained
            default: error.endedBy == .client ? .clientLost : .refused
            }
        endTransaction(end)
    }
}
