import Policy
import Ring
import Telemetry
import Wire

// The end of a message, where each transaction goes its own way: it makes the message whole, and the upstream's final
// reply is the client's.
extension EnvelopeSession {
    @inline(never)
    func finish(_ passage: inout MessagePassage, _ transaction: Transaction) async throws(SessionEnd) {
        let outOfTurn = usesHELO && client.buffered > 0
        if let fault = passage.scanner.fault {
            await dropLink()
            try refuse(fault, transaction)
        } else if let verdict = passage.verdict {
            conclude(verdict, transaction, .refused)
        } else if let verdict = await hasty() {
            await dropLink()
            conclude(verdict, transaction, .refused)
        } else {
            passage.last += Self.endOfData
            try await settle(transaction, afterSending: passage.last, saying: Self.endOfData)
        }
        if outOfTurn {
            try await sendReplies()
            throw .badPipeline
        }
    }

    /// What the client is told where the upstream has answered a message before it had all of it: a word that came too
    /// soon must not pass for the final one. Nil: it has not.
    @inline(never)
    func hasty() async -> SessionEnd.Farewell? {
        guard let upstream, upstream.hasInput || upstream.hasUnreceivedInput else { return nil }
        // What has come in this moment is taken in with it.
        await upstream.stopReceiving()
        return hasSpoken ? await earlyReply() : nil
    }

    /// The message is not taken for what it holds.
    func refuse(_ fault: MessageScanner.Fault, _ transaction: Transaction) throws(SessionEnd) {
        let reply = fault.reply
        transaction.fault = fault
        noteAnswer(render(reply), reply.code, .local)
        endTransaction(.refused)
        if fault.isSmuggling { throw .smuggling(reply) }
        try refuse(reply)
    }

    static let endOfData = Array(".\r\n".utf8)

    /// Sends the last of a message, which makes it whole, and tells the client the upstream's final reply.
    ///
    /// - Parameter command: what makes it whole, for whoever reads along.
    func settle(
        _ transaction: Transaction, afterSending last: [UInt8], saying command: [UInt8]
    ) async throws(SessionEnd) {
        let start = ring.now
        phase = .finalReply
        transcribe(with: .upstream, .client, command)
        if let verdict = await sendLast(last) {
            await dropLink()
            conclude(verdict, transaction, .refused)
            if isAborted { throw .aborted }
            return
        }
        do throws(SessionEnd) {
            let reply = try await finalReply()
            transaction.durations.finalReply = ring.now.nanoseconds(since: start)
            if reply.announcesClosing { throw .upstream421(reply) }
            guard reply.code == 250 || reply.isTransientFailure || reply.isPermanentFailure else {
                throw .upstreamBadReply
            }
            link?.state = .ready
            link?.messages += 1
            guard reply.code == 250 else { return conclude(.relayed(reply), transaction, .refused) }
            budget.noteDelivery()
            octetsDropped = 0
            progress = ring.now
            conclude(.relayed(reply), transaction, .accepted)
        } catch {
            try await concludeUnsure(after: error, transaction)
        }
    }

    /// In one send, so that an upstream which goes on reading has all of it at once. What the client is told where it
    /// speaks or goes before the kernel has the very end, without which the message is not whole; nil: it has it.
    @inline(never)
    private func sendLast(_ bytes: [UInt8]) async -> SessionEnd.Farewell? {
        guard let upstream else { preconditionFailure("a message is sent to nobody") }
        upstream.deadline = ring.now + (envelope.transactions?.dataTimeout ?? .zero)
        do throws(StreamError) { try await upstream.writeWhileSilent(bytes) } catch { return await earlyReply() }
        return nil
    }

    /// The client's leaving changes nothing any more.
    private func finalReply() async throws(SessionEnd) -> Reply {
        guard let upstream else { preconditionFailure("a message was sent to nobody") }
        upstream.deadline = ring.now + (envelope.transactions?.finalReplyTimeout ?? .zero)
        client.deadline = .never
        let reply = try await reply(of: upstream, isLast: false, watching: .nobody) { _ in true }
        // A 421 may come at any time, and takes nothing back.
        guard upstream.buffered == 0 || upstream.withInput({ $0.begins421 }) else { throw .upstreamBadReply }
        return reply
    }

    /// The upstream had the whole message, and its word about it is lost; a 421 is its word that it does not take it.
    private func concludeUnsure(after error: SessionEnd, _ transaction: Transaction) async throws(SessionEnd) {
        let isSure = error.end == .upstream421
        if !isAborted { count(error) }
        await dropLink()
        conclude(.own(isSure ? .upstreamLeaves : .upstreamLost), transaction, isSure ? .refused : .ambiguous)
        if isAborted { throw .aborted }
    }
}

extension Span<UInt8> {
    fileprivate var begins421: Bool {
        count >= 4 && self[0] == UInt8(ascii: "4") && self[1] == UInt8(ascii: "2") && self[2] == UInt8(ascii: "1")
    }
}
