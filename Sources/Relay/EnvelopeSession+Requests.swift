import Ring
import Telemetry
import Wire

// What the client asks for, and how it is answered.
extension EnvelopeSession {
    /// What the client asks for next.
    enum Request {
        case command(Line)
        /// AUTH, in a line of this length that is still unread: it may hold a password.
        case authentication(lengthBytes: Int)
    }

    /// The client's next command. Lines that are none are answered.
    func nextRequest() async throws(SessionEnd) -> Request {
        client.deadline = lineDeadline
        var framer = LineFramer(limitBytes: lineLimitBytes)
        while true {
            switch client.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                if repliesQueued >= EnvelopeLimits.repliesGathered { try await sendReplies() }
                if let request = try request(length) { return request }
                client.deadline = lineDeadline
            case .tooLong:
                try await dropLongLine()
                try refuse(.lineTooLong)
            // Looked at again behind it: bytes may come while it is sent.
            case .incomplete where repliesQueued > 0: try await sendReplies()
            case .incomplete: try await waitForClient()
            }
        }
    }

    /// The line that begins the input; nil where it is no command.
    private func request(_ length: Int) throws(SessionEnd) -> Request? {
        let isAUTH = client.withInput { Verb(line: $0.extracting(first: length)) == .auth }
        guard !isAUTH else {
            try note(.auth)
            return .authentication(lengthBytes: length)
        }
        let bytes = client.takeInput(length)
        transcribe(with: .client, .client, bytes)
        guard length <= envelope.commandLineBytesMax else {
            try refuse(.lineTooLong)
            return nil
        }
        guard !HTTPLine.isOne(bytes.span) else { throw .notSMTP }
        guard let command = try? Command(line: bytes.span.extracting(droppingLast: 2)) else {
            try refuse(.syntaxError)
            return nil
        }
        try note(command.verb)
        return .command(Line(bytes: bytes, command: command))
    }

    private func note(_ verb: Verb) throws(SessionEnd) {
        noteCommand(verb)
        guard budget.takeCommand(max: envelope.commandsMax) else { throw .tooManyCommands }
    }

    /// The longest line that is looked at, in bytes.
    private var lineLimitBytes: Int { max(SASLServer.lineLimitBytes, envelope.commandLineBytesMax) }

    /// When the client must have said a line.
    private var lineDeadline: Instant { min(ring.now + commandTimeout, progress + envelope.conversationTimeout) }

    func waitForClient() async throws(SessionEnd) {
        if isDraining { throw .drained }
        do throws(StreamError) {
            try await client.waitForInput()
        } catch {
            switch error {
            case .interrupted: return
            case .timedOut: throw .commandTimeout
            default: throw .clientFailed(error)
            }
        }
    }

    /// Drops the line that begins the input, however long; past the limit the session ends.
    @inline(never)  // Kept out of the frames that live while a session is idle.
    func dropLongLine() async throws(SessionEnd) {
        transcribe(with: .client, "a line that is too long")
        credentials.noteUnseenLine()
        var discarder = LineDiscarder()
        while true {
            switch client.withInput({ discarder.next(in: $0) }) {
            case .lineEnd(let length):
                client.wipeInput(length)
                return
            case .incomplete: client.wipeInput(client.buffered)
            }
            guard discarder.discardedBytes <= EnvelopeLimits.discardedLineBytes else { throw .endlessLine }
            try await waitForClient()
        }
    }

    // MARK: Replies

    /// Answers the command; the reply goes out with those of the commands behind it.
    func answer(_ reply: LocalReply) { answer(render(reply)) }

    func answer(_ bytes: [UInt8]) {
        transcribe(with: .client, .server, bytes)
        client.queue(bytes)
        repliesQueued += 1
        noteReply()
    }

    /// Answers a command that is a mistake, or may not be here. One too many ends the session.
    func refuse(_ reply: LocalReply) throws(SessionEnd) {
        guard budget.takeError(max: envelope.errorsMax) else { throw .tooManyCommands }
        context.counters.add(.commandRefusals, reason: "\(reply.code)")
        answer(reply)
    }

    /// Says no where the client has made no mistake: it may be told so of many recipients. How many commands there are
    /// has its own limit.
    func decline(_ reply: LocalReply) {
        context.counters.add(.commandRefusals, reason: "\(reply.code)")
        answer(reply)
    }

    /// Answers a command that moves nothing on. One too many ends the session.
    func answerInVain(_ reply: LocalReply) throws(SessionEnd) { try answerInVain(render(reply)) }

    func answerInVain(_ bytes: [UInt8]) throws(SessionEnd) {
        guard budget.takeIdleCommand(errorsMax: envelope.errorsMax) else { throw .tooManyCommands }
        answer(bytes)
    }

    /// Sends what has been answered, before anything that takes its time (RFC 2920 section 3.2). The client has as long
    /// to take it as it has for a command.
    @inline(never)
    func sendReplies() async throws(SessionEnd) {
        guard repliesQueued > 0 else { return }
        repliesQueued = 0
        client.deadline = ring.now + commandTimeout
        do throws(StreamError) { try await client.flush() } catch {
            throw error == .timedOut ? .commandTimeout : .clientFailed(error)
        }
        client.deadline = lineDeadline
    }
}
