import Policy
import Ring
import TLS
import Telemetry
import Wire

// DATA, where each transaction goes its own way: the message goes to the upstream as it comes, and its end only where
// all of it has been seen and nothing is wrong with it.
extension EnvelopeSession {
    @inline(never)
    func takeMessage(_ line: Line) async throws(SessionEnd) {
        // Whoever does not wait for the answer sends what nobody can tell from commands.
        guard !isHasty else { throw .badPipeline }
        guard let transaction, transaction.recipientsTried > 0, transaction.chunks == nil else {
            return try refuse(.badSequence)
        }
        // It need not have lines, and DATA is made of them (RFC 3030 section 3).
        guard mail?.body != .binaryMIME else { return try refuse(.badSequence) }
        guard line.command.argument.isEmpty else { return try refuse(.dataTakesNoParameter) }
        // Who pipelines says it before it can know.
        guard transaction.recipientsAccepted > 0 else { return decline(.noValidRecipients) }
        guard try await passes(.data) else {
            endTransaction(.refused)
            guard !isHasty else { throw .badPipeline }
            return
        }
        try await sendReplies()
        let start = ring.now
        let isBegun = try await beginData(transaction)
        guard !isHasty else { throw .badPipeline }
        guard isBegun else { return }
        try await tellClient(LocalReply.startData)
        transaction.dataStart = ring.now
        pace = context.clientPace
        var passage = MessagePassage(rules: scanRules)
        try await pass(&passage, of: transaction)
        transaction.messageBytes = passage.scanner.messageBytes
        transaction.durations.data = ring.now.nanoseconds(since: start)
        try await finish(&passage, transaction)
    }

    /// The client has sent more behind DATA.
    private var isHasty: Bool {
        client.lookForInput()
        return client.buffered > 0
    }

    var scanRules: MessageScanner.Rules {
        let transactions = envelope.transactions ?? TransactionSettings()
        return MessageScanner.Rules(
            policy: transactions.bareNewline == .reject ? .reject : .normalise,
            lineBytesMax: transactions.lineBytesMax, messageBytesMax: transactions.messageBytesMax)
    }

    static let dataCommand = Array("DATA\r\n".utf8)

    /// DATA to the upstream. False where there will be no message: the client has been told, and the transaction is
    /// over.
    @inline(never)
    func beginData(_ transaction: Transaction) async throws(SessionEnd) -> Bool {
        guard !transaction.isLost, let link else {
            conclude(.own(.upstreamLost), transaction, .refused)
            return false
        }
        phase = .data
        do throws(SessionEnd) {
            let reply = try await linkAnswer(to: Self.dataCommand)
            if reply.code == 354 {
                link.state = .message
                return true
            }
            guard reply.isTransientFailure || reply.isPermanentFailure else { throw .upstreamBadReply }
            conclude(.relayed(reply), transaction, .refused)
        } catch {
            try await conclude(after: error, transaction)
        }
        return false
    }

    /// The upstream has failed while the client waits for a reply: it is told, and the transaction is over.
    func conclude(after error: SessionEnd, _ transaction: Transaction) async throws(SessionEnd) {
        guard let reply = replyGoingOn(after: error) else { throw error }
        count(error)
        await dropLink()
        conclude(reply, transaction, .refused)
    }

    /// Tells the client what has become of its message. The transaction is over.
    func conclude(_ reply: SessionEnd.Farewell, _ transaction: Transaction, _ end: TransactionOutcome.End) {
        answer(reply, for: transaction)
        endTransaction(end)
    }

    // MARK: The message

    /// Reads the message to its end, and passes on what comes while nothing is wrong with it.
    @inline(never)
    private func pass(_ passage: inout MessagePassage, of transaction: Transaction) async throws(SessionEnd) {
        // A message is no secret among those that are overwritten.
        setInputSecrecy(false)
        defer { setInputSecrecy(true) }
        while true {
            if isAborted { throw .aborted }
            if client.buffered == 0 { try await waitForMore(&passage) }
            client.receiveMore(upTo: EnvelopeLimits.pieceBytes)
            var piece: [UInt8] = []
            piece.reserveCapacity(client.buffered + Self.endOfData.count)
            let length = client.withInput { passage.scanner.scan($0, into: &piece) }
            dropOfMessage(length)
            if !passage.isPassing { passage.droppedBytes += length }
            transaction.messageBytes = passage.scanner.messageBytes
            await look(at: &passage)
            if passage.scanner.isComplete { return passage.last = piece }
            if passage.isPassing, !piece.isEmpty { await send(&piece, &passage) }
            guard passage.droppedBytes <= discardLimitBytes else { throw .endlessMessage }
        }
    }

    /// What is read and dropped of a message at most.
    var discardLimitBytes: Int {
        let most = envelope.transactions?.messageBytesMax ?? 0
        return (most == 0 ? EnvelopeLimits.messageBytes : most) + EnvelopeLimits.messageDiscardedBytes
    }

    func setInputSecrecy(_ isSecret: Bool) {
        client.keepsInputSecret = isSecret
        (client.layer as? TLSEngine)?.keepsInputSecret = isSecret
    }

    /// Waits for more of the message, or for a word of the upstream's.
    @inline(never)
    private func waitForMore(_ passage: inout MessagePassage) async throws(SessionEnd) {
        while client.buffered == 0 {
            let upstream = passage.isPassing ? upstream : nil
            if let upstream, upstream.hasInput { return await hearUpstream(&passage) }
            try await waitForMessage(orFor: upstream)
        }
    }

    /// What is wrong with the message ends its way to the upstream.
    private func look(at passage: inout MessagePassage) async {
        guard passage.isPassing else { return }
        if upstream?.hasInput == true { return await hearUpstream(&passage) }
        let lacksEightBits = passage.scanner.is8Bit && link?.offer.offers(.eightBitMIME) == false
        guard passage.scanner.fault != nil || lacksEightBits else { return }
        if passage.scanner.fault == nil { passage.verdict = .own(.eightBitNotTaken) }
        await stopPassing(&passage)
    }

    private func send(_ piece: inout [UInt8], _ passage: inout MessagePassage) async {
        guard let upstream else { preconditionFailure("a message is passed to nobody") }
        upstream.queue(piece)
        // A slow upstream makes the session hold it once, not twice.
        piece = []
        upstream.deadline = ring.now + (envelope.transactions?.dataTimeout ?? .zero)
        do throws(StreamError) {
            try await upstream.writeWhileSilent([])
        } catch {
            await hearUpstream(&passage)
        }
    }

    /// The upstream has something to say, or has gone, before it has the whole message. Whatever it is, it gets no more
    /// of it.
    @inline(never)
    private func hearUpstream(_ passage: inout MessagePassage) async {
        passage.verdict = await earlyReply()
        await stopPassing(&passage)
    }

    /// The upstream has said something unasked, or has gone.
    var hasSpoken: Bool {
        upstream?.lookForInput()
        return upstream?.hasInput == true
    }

    /// What the client is told where an upstream that has part of a message has something to say, or has gone.
    @inline(never)
    func earlyReply() async -> SessionEnd.Farewell {
        guard let upstream, !isAborted else { return .own(.upstreamLost) }
        upstream.deadline = ring.now + DialogueLimits.leavePatience
        do throws(SessionEnd) {
            let reply = try await reply(of: upstream, isLast: false, watching: .nobody) { _ in true }
            if reply.announcesClosing { throw .upstream421(reply) }
            guard reply.isTransientFailure || reply.isPermanentFailure else { throw .upstreamBadReply }
            return .relayed(reply)
        } catch {
            count(error)
            return replyGoingOn(after: error) ?? .own(.upstreamLost)
        }
    }

    /// The upstream must never take what it has for all: no end of the message, no QUIT.
    private func stopPassing(_ passage: inout MessagePassage) async {
        passage.isPassing = false
        await dropLink()
    }
}

extension SessionEnd {
    /// What is no message any more goes on and on.
    static let endlessMessage = SessionEnd(.badLine, by: .client, saying: .own(.messageNotRead))

    static func smuggling(_ reply: LocalReply) -> SessionEnd {
        SessionEnd(.badLine, by: .client, saying: .own(reply))
    }
}
