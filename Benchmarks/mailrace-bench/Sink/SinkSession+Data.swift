import Ring

/// A message that has arrived with its terminator.
struct ReceivedMessage {
    let verdict: MessageCheck.Verdict
    /// Bytes, dots no more doubled.
    let length: Int
    /// All of them, where they are to be stored.
    let bytes: [UInt8]?
}

extension SinkSession {
    /// Takes a message up to its terminator, sending first what is queued.
    func receiveMessage() async throws(StreamError) -> ReceivedMessage {
        var end = EndOfData()
        var check = MessageCheck()
        var copy: [UInt8]? = sink.store == nil ? nil : []
        let copyLimitBytes = sink.settings.messageLimitBytes
        try await stream.flush()
        while true {
            let taken = stream.withInput { input in
                end.take(input.bytes) { run in
                    check.add(run)
                    // A message above the limit is not stored, but read to its end.
                    guard copy != nil, check.length <= copyLimitBytes else { return }
                    run.withUnsafeBytes { copy?.append(contentsOf: $0) }
                }
            }
            stream.dropInput(taken.consumed)
            if taken.isEnd { return ReceivedMessage(verdict: check.verdict, length: check.length, bytes: copy) }
            stream.deadline = sink.nextDeadline
            try await stream.waitForInput()
        }
    }

    /// Writes a message down, in the figures, the directory and the journal; false where one of the latter fails.
    func keep(_ message: ReceivedMessage) async -> Bool {
        if let store = sink.store, let bytes = message.bytes {
            guard await store.store(bytes) else { return false }
        }
        if let journal = sink.journal, case .intact(let mark) = message.verdict {
            guard journal.note(mark) else { return false }
        }
        sink.report.messages += 1
        sink.report.bytes += message.length
        switch message.verdict {
        case .intact(let mark): sink.report.ledger.note(mark)
        case .damaged: sink.report.damaged += 1
        case .unmarked: sink.report.unmarked += 1
        }
        return true
    }
}
