import Ring

/// A message on its way in.
struct MessageIntake {
    private(set) var check = MessageCheck()
    /// All of its bytes, where they are to be stored.
    private(set) var copy: [UInt8]?
    /// A message above the limit is not stored, but read to its end.
    private let copyLimitBytes: Int

    init(isStored: Bool, limitBytes: Int) {
        copy = isStored ? [] : nil
        copyLimitBytes = limitBytes
    }

    /// Takes the next bytes, dots no more doubled.
    mutating func add(_ bytes: RawSpan) {
        check.add(bytes)
        guard copy != nil, check.length <= copyLimitBytes else { return }
        bytes.withUnsafeBytes { copy?.append(contentsOf: $0) }
    }

    var length: Int { check.length }
}

extension SinkSession {
    private var newIntake: MessageIntake {
        MessageIntake(isStored: sink.store != nil, limitBytes: sink.settings.messageLimitBytes)
    }

    func data() async throws(SinkStop) -> Next {
        guard stage == .hasRecipient else { return try await wrongSequence() }
        if let next = try await fault(.data) { return next }
        _ = try await reply("354 End data with <CR><LF>.<CR><LF>")
        stage = .hasPart
        try await flush()
        var intake = newIntake
        var body: SinkFaults.Case? = sink.meet(.body)
        var end = EndOfData()
        while true {
            let taken = stream.withInput { input in end.take(input.bytes) { intake.add($0) } }
            stream.dropInput(taken.consumed)
            if taken.consumed > 0 { try await meetWithin(&body) }
            if taken.isEnd { return try await answerEnd(intake) }
            stream.deadline = sink.nextDeadline
            try await waitForInput()
        }
    }

    // MARK: BDAT

    /// RFC 3030 section 2. The octets come whatever the reply will be.
    func bdat(_ argument: [UInt8]) async throws(SinkStop) -> Next {
        guard let chunk = Chunk(argument) else { return try await reply("501 5.5.4 BDAT takes a size, and LAST") }
        sink.report.chunks += 1
        let isFirst = intake == nil
        guard stage == .hasRecipient || !isFirst else {
            try await readChunk(chunk.bytes) { _ in }
            return try await wrongSequence()
        }
        var body: SinkFaults.Case?
        if isFirst {
            let met = sink.meet(.data)
            if let drop = met.drop { throw .drop(drop) }
            if let code = met.refusal {
                try await readChunk(chunk.bytes) { _ in }
                try await pause(met.delay)
                // What is left of the message is out of sequence.
                forgetTransaction()
                return try await refuse(code)
            }
            try await pause(met.delay)
            body = sink.meet(.body)
            intake = newIntake
            stage = .hasPart
        }
        try await readChunk(chunk.bytes, body) { intake?.add($0) }
        guard chunk.isLast, let whole = intake else { return try await reply("250 2.0.0 \(chunk.bytes) octets") }
        return try await answerEnd(whole)
    }

    /// - Parameter body: what goes wrong once some of it has come.
    private func readChunk(
        _ length: Int, _ body: SinkFaults.Case? = nil, _ take: (RawSpan) -> Void
    ) async throws(SinkStop) {
        var body = body
        var left = length
        while left > 0 {
            let count = min(left, stream.buffered)
            if count > 0 {
                stream.withInput { take($0.bytes.extracting(0..<count)) }
                stream.dropInput(count)
                left -= count
                try await meetWithin(&body)
            } else {
                stream.deadline = sink.nextDeadline
                try await flush()
                try await waitForInput()
            }
        }
    }

    private struct Chunk {
        let bytes: Int
        let isLast: Bool

        /// The longest size taken, in digits (RFC 3030 section 2).
        private static let digitsLimit = 20

        init?(_ argument: [UInt8]) {
            let words = argument.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard let first = words.first, first.utf8.count <= Self.digitsLimit,
                first.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let bytes = Int(first),
                words.count == 1 || words.count == 2 && words[1].uppercased() == "LAST"
            else { return nil }
            self.bytes = bytes
            isLast = words.count == 2
        }
    }

    // MARK: Faults and the end

    /// What goes wrong within a message, once some of it has come; nil afterwards.
    private func meetWithin(_ body: inout SinkFaults.Case?) async throws(SinkStop) {
        guard let met = body.take() else { return }
        await stall(met.delay)
        if let drop = met.drop { throw .drop(drop) }
        guard let code = met.refusal else { return }
        queue(Self.refusal(code))
        throw .drop(.close)
    }

    /// Takes nothing for so long, so that the client's side fills up.
    private func stall(_ duration: Duration) async {
        let end = sink.ring.now + duration
        while sink.ring.now < end, !sink.isEnding {
            await sink.ring.sleep(until: min(end, sink.ring.now + .milliseconds(100)))
        }
    }

    /// Answers the end of a message: once or, in LMTP, for each recipient.
    private func answerEnd(_ message: MessageIntake) async throws(SinkStop) -> Next {
        let count = sink.settings.isLMTP ? recipients : 1
        forgetTransaction()
        let cases = (0..<count).map { _ in sink.meet(.end) }
        try await pause(cases.map(\.delay).max() ?? .zero)
        if let drop = cases.compactMap(\.drop).first { throw .drop(drop) }
        let fate = await settle(message, isRefused: cases.allSatisfy { $0.refusal != nil })
        for met in cases {
            _ = try await reply(met.refusal.map(Self.refusal) ?? fate)
        }
        return cases.contains { $0.refusal == 421 } ? .close : .goOn
    }

    /// - Parameter isRefused: for whomever it is.
    /// - Returns: the reply for those recipients for whom nothing goes wrong.
    private func settle(_ message: MessageIntake, isRefused: Bool) async -> String {
        var fate = "250 2.0.0 OK"
        if message.length > sink.settings.messageLimitBytes {
            fate = "552 5.3.4 Message too long"
        } else if !isRefused {
            if await keep(message) { return fate }
            fate = "452 4.3.1 Message cannot be written"
        }
        sink.report.refused += 1
        return fate
    }

    /// Writes a message down, in the figures, the directory and the journal; false where one of the latter fails.
    private func keep(_ message: MessageIntake) async -> Bool {
        if let store = sink.store, let bytes = message.copy {
            guard await store.store(bytes) else { return false }
        }
        let verdict = message.check.verdict
        if let journal = sink.journal, case .intact(let mark) = verdict {
            guard journal.note(mark) else { return false }
        }
        sink.report.messages += 1
        sink.report.bytes += message.length
        switch verdict {
        case .intact(let mark): sink.report.ledger.note(mark)
        case .damaged: sink.report.damaged += 1
        case .unmarked: sink.report.unmarked += 1
        }
        return true
    }
}
