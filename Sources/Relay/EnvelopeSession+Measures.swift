import Policy
import Ring
import Telemetry
import Wire

// What is measured and logged of transactions, where each goes its own way.
extension EnvelopeSession {
    /// A router has been asked, for a recipient or for the session.
    func note(_ route: Route, since start: Instant) {
        note(.routeLookup, since: start)
        transaction?.durations.route = (transaction?.durations.route ?? 0) + ring.now.nanoseconds(since: start)
        let outcome =
            switch route {
            case .to: "found"
            case .unknown: "unknown"
            case .refuse: "refused"
            case .unavailable: "unavailable"
            }
        context.counters.add(.routeLookups, reason: outcome)
    }

    /// RCPT has been answered, unless the session ends.
    func noteRecipient(of transaction: Transaction, isAccepted: Bool) {
        if isAccepted {
            context.counters.add(.recipientsAccepted)
        } else if let answer = transaction.answer {
            context.counters.add(.recipientRefusals, reason: "\(answer.code)")
        }
    }

    /// Every transaction comes by here when it ends, and once.
    @inline(never)
    func noteMessage(of transaction: Transaction, _ end: TransactionOutcome.End) {
        let outcome = transaction.outcome(end)
        count(transaction, outcome)
        guard context.log.logsSessions || outcome == .ambiguous else { return }
        let record = messageRecord(of: transaction, outcome)
        context.log.write(record)
        guard outcome == .ambiguous else { return }
        context.log.warning(
            "the reply to a whole message was lost: whether it was accepted is not known",
            [
                "session": record.session.description, "transaction": "\(record.transaction)",
                "server": record.upstream ?? "",
            ])
    }

    private func count(_ transaction: Transaction, _ outcome: MessageRecord.Outcome) {
        let counters = context.counters
        counters.add(.messages, reason: outcome.rawValue)
        if let destination = transaction.routed?.destination {
            counters.add(
                MessageRoute(source: destination.countedSource, upstream: destination.upstream, outcome: outcome))
        }
        if outcome == .ambiguous { counters.add(.ambiguousTotal) }
        if outcome == .accepted { counters.add(.messageBytesAccepted, UInt64(transaction.messageBytes)) }
        if let fault = transaction.notedFault { counters.add(.messageFaults, reason: fault.rawValue) }
        guard transaction.dataStart != nil else { return }
        note(.messageDuration, since: transaction.begun)
        counters.add(.messageSize, bytes: UInt64(transaction.messageBytes))
        let durations = transaction.durations
        if let data = durations.data { counters.add(.messageData, nanoseconds: data) }
        if let finalReply = durations.finalReply { counters.add(.messageFinalReply, nanoseconds: finalReply) }
    }

    private func messageRecord(of transaction: Transaction, _ outcome: MessageRecord.Outcome) -> MessageRecord {
        let total = ring.now.nanoseconds(since: transaction.begun)
        let begun = UTCTime(unixMilliseconds: UTCTime.now().unixMilliseconds - Int64(clamping: total / 1_000_000))
        var message = MessageRecord(
            session: record.id, transaction: transaction.number, listener: record.listener, start: begun,
            client: record.client, sender: facts.reversePath?.address ?? [])
        message.totalMilliseconds = Int64(clamping: total / 1_000_000)
        message.login = record.login
        message.noteRecipients(
            facts.recipients.lazy.map(\.address), accepted: transaction.recipientsAccepted,
            refused: transaction.recipientsRefused)
        if transaction.dataStart != nil { message.messageBytes = UInt64(transaction.messageBytes) }
        message.isChunked = transaction.chunks != nil
        if let destination = transaction.routed?.destination {
            message.source = destination.source.isEmpty ? nil : destination.source
            message.route = destination.upstream
        }
        message.upstream = transaction.upstream?.server
        message.upstreamTLS = transaction.upstream?.tls
        message.isReused = transaction.upstream?.isReused == true
        message.outcome = outcome
        message.reply = transaction.answer.map {
            MessageRecord.FinalReply(code: $0.code, text: $0.lastLine, origin: $0.origin)
        }
        message.fault = transaction.notedFault
        message.phases = transaction.durations.phases
        return message
    }
}

extension Transaction {
    fileprivate var notedFault: MessageRecord.Fault? { (fault ?? chunks?.scanner.fault)?.noted }

    /// In the words of the log.
    fileprivate func outcome(_ end: TransactionOutcome.End) -> MessageRecord.Outcome {
        switch end {
        case .accepted: return .accepted
        case .ambiguous: return .ambiguous
        case .refused, .givenUp, .clientLost, .drained:
            // What was the client told of the message itself?
            if end == .refused, let answer, recipientsAccepted > 0, answer.code >= 400 {
                return answer.code < 500 ? .deferred : .refused
            }
            return dataStart == nil ? .unsent : .abandoned
        }
    }
}

extension TransactionOutcome.Answer {
    /// Without its code and line end.
    fileprivate var lastLine: ArraySlice<UInt8> {
        let line = bytes.dropLast(2)
        let start = line.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? line.startIndex
        return line[start...].dropFirst(4)
    }
}

extension TransactionOutcome.Durations {
    fileprivate var phases: MessageRecord.Phases {
        var phases = MessageRecord.Phases()
        phases.routeMilliseconds = route.map(Self.milliseconds)
        phases.connectMilliseconds = connect.map(Self.milliseconds)
        phases.envelopeMilliseconds = envelope.map(Self.milliseconds)
        phases.dataMilliseconds = data.map(Self.milliseconds)
        phases.finalReplyMilliseconds = finalReply.map(Self.milliseconds)
        return phases
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> Int64 { Int64(clamping: nanoseconds / 1_000_000) }
}

extension Destination {
    /// What messages are counted by.
    fileprivate var countedSource: String { source.isEmpty ? MessageRoute.directSource : source }
}

extension MessageScanner.Fault {
    fileprivate var noted: MessageRecord.Fault {
        switch self {
        case .bareCarriageReturn: .bareCarriageReturn
        case .bareLineFeed: .bareLineFeed
        case .nul: .nul
        case .lineTooLong: .lineTooLong
        case .tooLarge: .tooLarge
        }
    }
}
