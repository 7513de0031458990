import Policy
import Ring
import Telemetry
import Wire

// BDAT (RFC 3030), where each transaction goes its own way: the octets of a chunk are read whatever becomes of them,
// and the chunk that makes a message whole goes to the upstream once all of it has been seen.
extension EnvelopeSession {
    @inline(never)
    func takeChunk(_ line: Line) async throws(SessionEnd) {
        let command: BdatCommand
        do throws(EnvelopeCommandError) { command = try BdatCommand(argument: line.command.argument) } catch {
            // Nobody knows where the next command begins.
            throw .badChunk(error.reply)
        }
        if transaction?.chunks == nil { pace = context.clientPace }
        guard let transaction, transaction.recipientsTried > 0 else {
            return try await dropChunk(command, .chunkOutOfPlace)
        }
        guard transaction.recipientsAccepted > 0 else { return try await dropChunk(command, .noValidRecipients) }
        if transaction.chunks == nil, let reply = try await beginChunks(transaction) {
            return try await failChunk(reply, command.size, isLast: command.isLast, transaction)
        }
        guard let chunks = transaction.chunks, !chunks.hasFailed else {
            return try await dropChunk(command, .chunkOutOfPlace)
        }
        try await take(command, chunks, transaction)
    }

    /// Reads a chunk that is not taken, and says so.
    @inline(never)
    private func dropChunk(_ command: BdatCommand, _ reply: LocalReply) async throws(SessionEnd) {
        let hasFailed = transaction?.chunks != nil
        // Where this was a part of a message, the others are none, whoever would get them by then.
        if let transaction, hasFailed || !command.isLast { giveUpChunks(of: transaction) }
        try await dropOctets(command.size)
        if reply == .noValidRecipients { decline(reply) } else { try refuse(reply) }
        if command.isLast, hasFailed { endTransaction(.refused) }
    }

    private func dropOctets(_ size: Int) async throws(SessionEnd) {
        var left = size
        while left > 0 {
            guard octetsDropped <= discardLimitBytes else { throw .endlessChunk }
            if isAborted { throw .aborted }
            if client.buffered == 0 { try await waitForOctets() }
            let length = min(left, client.buffered)
            dropOfMessage(length)
            left -= length
            octetsDropped += length
        }
    }

    /// Waits for more of a chunk.
    private func waitForOctets() async throws(SessionEnd) {
        try await sendReplies()
        // What the upstream says meanwhile is looked at behind the chunk.
        while client.buffered == 0 { try await waitForMessage(orFor: nil) }
    }

    // MARK: The first chunk

    /// What the client is told where there will be no message; nil: there will.
    @inline(never)
    private func beginChunks(_ transaction: Transaction) async throws(SessionEnd) -> SessionEnd.Farewell? {
        phase = .data
        transaction.dataStart = ring.now
        guard let link, !transaction.isLost else { return .own(.upstreamLost) }
        switch await decision(at: .data) {
        case .accept: break
        case .refuse(let reply, by: let check), .unavailable(let reply, by: let check):
            context.counters.add(.checkRefusals, reason: check)
            noteAnswer(render(reply), reply.code, .local)
            if reply.code == 421 { throw .unwelcome(reply) }
            return .own(reply)
        }
        let isRaw = link.offer.offers(.chunking)
        transaction.chunks = Chunks(
            ChunkScanner(
                scanRules, form: isRaw ? .raw : .stuffed, isBinary: isRaw && mail?.body == .binaryMIME), isRaw: isRaw)
        guard !isRaw else { return nil }
        try await sendReplies()
        do throws(SessionEnd) {
            let reply = try await linkAnswer(to: Self.dataCommand)
            if reply.code == 354 {
                link.state = .message
                return nil
            }
            guard reply.isTransientFailure || reply.isPermanentFailure else { throw .upstreamBadReply }
            link.state = .stale
            return .relayed(reply)
        } catch {
            guard let reply = replyGoingOn(after: error) else { throw error }
            count(error)
            await dropLink()
            return reply
        }
    }

    /// Reads the rest of a chunk and tells the client why there will be no message. All that follows is refused until
    /// it begins anew.
    @inline(never)
    private func failChunk(
        _ reply: SessionEnd.Farewell, _ left: Int, isLast: Bool, _ transaction: Transaction
    ) async throws(SessionEnd) {
        giveUpChunks(of: transaction)
        if link?.state == .message { await dropLink() }
        try await dropOctets(left)
        answer(reply, for: transaction)
        if isLast { endTransaction(.refused) }
    }

    /// There will be no message of this transaction.
    private func giveUpChunks(of transaction: Transaction) {
        if transaction.chunks == nil {
            transaction.chunks = Chunks(ChunkScanner(scanRules, form: .stuffed), isRaw: false)
        }
        transaction.chunks?.hasFailed = true
    }

    // MARK: A chunk

    @inline(never)
    private func take(
        _ command: BdatCommand, _ chunks: Chunks, _ transaction: Transaction
    ) async throws(SessionEnd) {
        phase = .data
        setInputSecrecy(false)
        defer { setInputSecrecy(true) }
        var left = command.size
        while left > 0 {
            if isAborted { throw .aborted }
            if client.buffered == 0 { try await waitForOctets() }
            let length = min(left, client.buffered)
            client.withInput { chunks.scanner.scan($0.extracting(first: length), into: &chunks.unsent) }
            dropOfMessage(length)
            left -= length
            transaction.messageBytes = chunks.scanner.messageBytes
            if let reply = try await objection(to: chunks) {
                return try await fail(reply, left, isLast: command.isLast, transaction)
            }
            guard chunks.unsent.count >= EnvelopeLimits.chunkBytes else { continue }
            if let reply = try await passOn(chunks) {
                return try await fail(reply, left, isLast: command.isLast, transaction)
            }
        }
        if command.isLast { return try await finish(chunks, transaction) }
        if !chunks.unsent.isEmpty, let reply = try await passOn(chunks) {
            return try await fail(reply, 0, isLast: command.isLast, transaction)
        }
        if hasSpoken { return try await fail(earlyReply(), 0, isLast: command.isLast, transaction) }
        // An empty one leads to nothing.
        if command.size > 0 { budget.giveBackCommand() }
        answer(.chunkTaken(bytes: command.size))
    }

    /// Why the message is not taken, by what has come of it so far.
    private func objection(to chunks: Chunks) async throws(SessionEnd) -> SessionEnd.Farewell? {
        if let fault = chunks.scanner.fault { return .own(fault.reply) }
        if chunks.scanner.is8Bit, link?.offer.offers(.eightBitMIME) == false, mail?.body != .binaryMIME {
            return .own(.eightBitNotTaken)
        }
        return hasSpoken ? await earlyReply() : nil
    }

    @inline(never)
    private func fail(
        _ reply: SessionEnd.Farewell, _ left: Int, isLast: Bool, _ transaction: Transaction
    ) async throws(SessionEnd) {
        await dropLink()
        try await failChunk(reply, left, isLast: isLast, transaction)
        if transaction.chunks?.scanner.fault?.isSmuggling == true {
            try await sendReplies()
            throw .smuggled
        }
    }

    /// Passes on what has been gathered, as a chunk that is not the last, or as it is behind DATA. What the client is
    /// told where that fails; nil: it has not.
    @inline(never)
    private func passOn(_ chunks: Chunks) async throws(SessionEnd) -> SessionEnd.Farewell? {
        guard let upstream else { return .own(.upstreamLost) }
        try await sendReplies()
        let bytes = chunks.unsent
        chunks.unsent = []
        link?.state = .message
        upstream.deadline = ring.now + (envelope.transactions?.dataTimeout ?? .zero)
        if chunks.isRaw {
            transcribe(with: .upstream, "BDAT \(bytes.count)")
            upstream.queue(BdatCommand(size: bytes.count, isLast: false).rendered)
        }
        do throws(StreamError) { try await upstream.writeWhileSilent(bytes) } catch {
            return await earlyReply()
        }
        guard chunks.isRaw else { return nil }
        do throws(SessionEnd) {
            let reply = try await linkAnswer(to: [])
            if reply.code == 250 { return nil }
            guard reply.isTransientFailure || reply.isPermanentFailure else { throw .upstreamBadReply }
            return .relayed(reply)
        } catch {
            guard let reply = replyGoingOn(after: error) else { throw error }
            count(error)
            return reply
        }
    }

    /// All has been seen, and nothing is wrong with it: the message is made whole.
    @inline(never)
    private func finish(_ chunks: Chunks, _ transaction: Transaction) async throws(SessionEnd) {
        var end = chunks.unsent
        chunks.unsent = []
        chunks.scanner.finish(into: &end)
        transaction.messageBytes = chunks.scanner.messageBytes
        if let reply = try await objection(to: chunks) { return try await fail(reply, 0, isLast: true, transaction) }
        try await sendReplies()
        if let reply = await hasty() { return try await fail(reply, 0, isLast: true, transaction) }
        if let start = transaction.dataStart { transaction.durations.data = ring.now.nanoseconds(since: start) }
        link?.state = .message
        let command = chunks.isRaw ? BdatCommand(size: end.count, isLast: true).rendered : Self.endOfData
        try await settle(transaction, afterSending: chunks.isRaw ? command + end : end + command, saying: command)
    }
}

/// A message that comes by BDAT.
final class Chunks {
    var scanner: ChunkScanner
    /// The upstream takes chunks, too.
    let isRaw: Bool
    /// What has been looked over and not been passed on.
    var unsent: [UInt8] = []
    /// A chunk has been refused: there will be no message.
    var hasFailed = false

    init(_ scanner: ChunkScanner, isRaw: Bool) {
        self.scanner = scanner
        self.isRaw = isRaw
    }
}

extension SessionEnd {
    static func badChunk(_ reply: LocalReply) -> SessionEnd {
        SessionEnd(.badLine, by: .client, saying: .own(reply))
    }
    /// What is no message any more goes on and on.
    static let endlessChunk = SessionEnd(.badLine, by: .client, saying: .own(.chunkNotRead))
    /// As `smuggling`, where the client has been told.
    static let smuggled = SessionEnd(.badLine, by: .client)
}
