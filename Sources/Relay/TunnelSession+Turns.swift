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
}

/// Whether a reply that begins so can still be a 421.
private func mayBecome421(_ bytes: Span<UInt8>) -> Bool {
    let code: [3 of UInt8] = [UInt8(ascii: "4"), UInt8(ascii: "2"), UInt8(ascii: "1")]
    return (0..<min(bytes.count, code.count)).allSatisfy { bytes[$0] == code[$0] }
}
