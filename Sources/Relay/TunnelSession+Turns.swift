import Ring
import Telemetry
import Wire

// Whose turn it is. In each phase one side is waited for and the other has to be silent; both are watched, so that
// whoever speaks out of turn or leaves is noticed at once.
extension TunnelSession {
    /// The client's next command, while the upstream has nothing to say.
    ///
    /// A line that is too long or is no command is answered with 500 once; the second ends the session.
    func nextLine() async throws(SessionEnd) -> Line {
        client.deadline = ring.now + commandTimeout
        presentUpstream?.deadline = .never
        var framer = LineFramer(limitBytes: DialogueLimits.commandLineBytes)
        while true {
            if let upstream = speakingUpstream { throw await leave(of: upstream) }
            switch client.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                if let line = takeLine(length) { return line }
                try await answerBadLine(with: .syntaxError)
            case .tooLong:
                try await answerLongLine()
            case .incomplete:
                try await waitForClient()
            }
        }
    }

    /// The line that begins the input; nil where it is no command.
    private func takeLine(_ length: Int) -> Line? {
        let bytes = client.takeInput(length)
        transcribe(with: .client, .client, bytes)
        do throws(CommandError) {
            let command = try Command(line: bytes.span.extracting(droppingLast: 2))
            noteCommand(command.verb)
            return Line(bytes: bytes, command: command)
        } catch {
            return nil
        }
    }

    private func waitForClient() async throws(SessionEnd) {
        if isDraining { throw .drained }
        do throws(StreamError) {
            try await client.waitForInput(orOf: presentUpstream)
        } catch {
            switch error {
            case .interrupted: return
            case .timedOut: throw .commandTimeout
            default: throw .clientFailed(error)
            }
        }
    }

    /// Drops the line that begins the input, however long, and says so; past the limit the session ends.
    @inline(never)  // Kept out of the frames that live while a session is idle, as the others marked so here.
    private func answerLongLine() async throws(SessionEnd) {
        transcribe(with: .client, "line over \(DialogueLimits.commandLineBytes) bytes")
        credentials.noteUnseenLine()
        var discarder = LineDiscarder()
        while true {
            switch client.withInput({ discarder.next(in: $0) }) {
            case .lineEnd(let length):
                client.dropInput(length)
                return try await answerBadLine(with: .lineTooLong)
            case .incomplete: client.dropInput(client.buffered)
            }
            guard discarder.discardedBytes <= DialogueLimits.discardedLineBytes else {
                noteBadLine()
                throw .endlessLine
            }
            if let upstream = speakingUpstream { throw await leave(of: upstream) }
            try await waitForClient()
        }
    }

    /// Counts the session once, however many bad lines it has.
    private func noteBadLine() {
        badLines += 1
        if badLines == 1 { context.counters.add(.sessionsBadLine) }
    }

    @inline(never)
    private func answerBadLine(with reply: LocalReply) async throws(SessionEnd) {
        noteBadLine()
        guard badLines <= DialogueLimits.badLines else { throw .tooManyErrors }
        try await tellClient(render(reply))
    }

    /// The upstream, where it has something to say.
    private var speakingUpstream: Stream? {
        guard let upstream = presentUpstream, upstream.hasInput else { return nil }
        return upstream
    }

    /// How a session ends whose upstream speaks during the client's turn: it may only take its leave. A 421 is relayed,
    /// anything else ends the session unseen. The client may have spoken as well.
    @inline(never)
    private func leave(of upstream: Stream) async -> SessionEnd {
        guard upstream.buffered > 0 else { return upstreamFailed(upstream) }
        upstream.deadline = ring.now + DialogueLimits.leavePatience
        do throws(SessionEnd) {
            let reply = try await reply(of: upstream, watching: .nobody) { mayBecome421($0) }
            return reply.announcesClosing ? .upstream421(reply) : .upstreamDesync
        } catch {
            return error.end == .drained ? error : .upstreamDesync
        }
    }

    /// What is expected of the client while the upstream is to answer.
    enum Watch {
        /// That it is silent and stays.
        case silentClient
        /// That it stays; it may speak, and is heard later.
        case waitingClient
        case nobody
    }

    /// The upstream's next reply. Bytes behind it make it a bad one.
    func nextReply(within limit: Duration) async throws(SessionEnd) -> Reply {
        guard let upstream else { preconditionFailure("a reply is awaited of nobody") }
        upstream.deadline = ring.now + limit
        client.deadline = .never
        return try await reply(of: upstream, watching: watch) { _ in true }
    }

    /// - Parameter isWorthwhile: whether a line of which these bytes have come is worth waiting for.
    private func reply(
        of upstream: Stream, watching watch: Watch, while isWorthwhile: (Span<UInt8>) -> Bool
    ) async throws(SessionEnd) -> Reply {
        var framer = LineFramer(limitBytes: Reply.lineLimitBytes)
        var assembler = ReplyAssembler()
        while true {
            try look(at: watch)
            switch upstream.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                guard let reply = try takeLine(length, of: upstream, &assembler) else { continue }
                guard upstream.buffered == 0 else { throw .upstreamBadReply }
                return reply
            case .tooLong:
                throw .upstreamBadReply
            case .incomplete:
                guard upstream.withInput(isWorthwhile) else { throw .upstreamBadReply }
                try await wait(for: upstream, watching: watch)
            }
        }
    }

    private func takeLine(
        _ length: Int, of upstream: Stream, _ assembler: inout ReplyAssembler
    ) throws(SessionEnd) -> Reply? {
        do throws(ReplyError) {
            let reply = try upstream.withInput { (bytes) throws(ReplyError) in
                try assembler.add(bytes.extracting(first: length))
            }
            upstream.dropInput(length)
            if let reply { transcribe(with: .upstream, .server, reply.bytes) }
            return reply
        } catch {
            transcribe(with: .upstream, .server, upstream.takeInput(length))
            throw .upstreamBadReply
        }
    }

    private func wait(for upstream: Stream, watching watch: Watch) async throws(SessionEnd) {
        if isDraining { throw .drained }
        do throws(StreamError) {
            // A client that has spoken is heard when its turn comes; until then nothing more is read of it.
            try await upstream.waitForInput(orOf: watch == .nobody || client.hasInput ? nil : client)
        } catch {
            switch error {
            case .interrupted: return
            case .timedOut: throw .replyTimeout
            default: throw upstreamFailed(upstream)
            }
        }
    }

    func look(at watch: Watch) throws(SessionEnd) {
        guard watch != .nobody, client.hasInput else { return }
        if client.buffered > 0 {
            guard watch == .silentClient else { return }
            if phase == .connect || phase == .greeting { context.counters.add(.earlyDataReceivedCountTotal) }
            throw .clientDesync
        } else {
            throw .clientFailed(client.inputEnd ?? .ended)
        }
    }

    // MARK: Speaking

    /// Sends bytes to the client: a reply. It has as long to take them as it has for a command.
    func tellClient(_ bytes: [UInt8]) async throws(SessionEnd) {
        client.deadline = ring.now + commandTimeout
        transcribe(with: .client, .server, bytes)
        do throws(StreamError) { try await client.write(bytes) } catch {
            throw error == .timedOut ? .commandTimeout : .clientFailed(error)
        }
        noteReply()
    }

    /// Sends bytes to the upstream: a command of the client.
    func tellUpstream(_ bytes: [UInt8]) async throws(SessionEnd) {
        guard let upstream else { preconditionFailure("a command is sent to nobody") }
        upstream.deadline = ring.now + settings.timeouts.reply
        transcribe(with: .upstream, .client, bytes)
        do throws(StreamError) { try await upstream.write(bytes) } catch {
            throw error == .timedOut ? .replyTimeout : .upstreamReset
        }
    }
}

extension SessionEnd {
    static func clientFailed(_ error: StreamError) -> SessionEnd {
        error == .ended ? .clientClosed : .clientReset
    }

    static func upstreamFailed(_ upstream: Stream) -> SessionEnd {
        upstream.inputEnd == .ended ? .upstreamClosed : .upstreamReset
    }
}

/// Whether a reply that begins so can still be a 421.
private func mayBecome421(_ bytes: Span<UInt8>) -> Bool {
    let code: [3 of UInt8] = [UInt8(ascii: "4"), UInt8(ascii: "2"), UInt8(ascii: "1")]
    return (0..<min(bytes.count, code.count)).allSatisfy { bytes[$0] == code[$0] }
}
