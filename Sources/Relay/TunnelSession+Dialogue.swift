import Ring
import Telemetry
import Wire

// The dialogue up to the hand-off.
extension TunnelSession {
    /// Opens the connection to the upstream: its servers in order.
    func connect() async throws(SessionEnd) {
        phase = .connect
        for server in settings.servers {
            if isDraining { throw .drained }
            do throws(StreamError) {
                _ = try await ring.connect(to: server, deadline: ring.now + settings.timeouts.connect) { upstream = $0 }
                record.upstream = server.description
                return
            } catch {
                upstream = nil
                if isDraining { throw .drained }
                context.log.warning(
                    "upstream server not reachable",
                    ["listener": settings.name, "upstream": server.description, "error": error.description])
            }
        }
        throw .upstreamUnreachable
    }

    /// Relays the upstream's greeting. False where it is a refusal.
    func greet() async throws(SessionEnd) -> Bool {
        phase = .greeting
        let greeting = try await nextReply(within: settings.timeouts.greeting)
        if greeting.announcesClosing { throw .upstream421(greeting) }
        try await tellClient(greeting.bytes)
        return greeting.code == 220
    }

    /// The upstream wants nothing to do with the client (RFC 5321 section 3.1: 554): nothing but QUIT makes sense.
    func refuseAll() async throws(SessionEnd) -> Never {
        phase = .ehlo
        await upstream?.close()
        hasRefused = true
        while true {
            let line = try await nextLine()
            if line.verb == .quit { throw .quit }
            try await answerLocally(.badSequence)
        }
    }

    /// From the client's EHLO or HELO to the hand-off.
    func negotiate() async throws(SessionEnd) {
        var greeting = try await clientGreeting()
        while let next = greeting.verb == .helo ? try await passHELO(greeting) : try await passEHLO(greeting) {
            greeting = next
        }
    }

    /// The client's EHLO or HELO. It must be the last command of its group: what a client may say next depends on the
    /// reply.
    private func clientGreeting() async throws(SessionEnd) -> Line {
        phase = .ehlo
        while true {
            let line = try await nextLine()
            switch line.verb {
            case .ehlo, .helo:
                guard client.buffered == 0 else { throw .badPipeline }
                return line
            case .quit: throw .quit
            case .noop, .rset: try await answerLocally(.ok)
            default: throw .badSequence
            }
        }
    }

    /// Passes HELO on, and the session with it: a client that speaks no ESMTP knows no STARTTLS. Where STARTTLS is
    /// required the client is held back instead.
    ///
    /// - Returns: the client's next greeting; `nil` where the session is handed off.
    private func passHELO(_ greeting: Line) async throws(SessionEnd) -> Line? {
        if !hasSaidHELO { context.counters.add(.sessionsNonEsmtp) }
        hasSaidHELO = true
        usesHELO = true
        record.greeting = .helo
        try await tellUpstream(greeting.bytes)
        guard settings.starttls == .require else { return nil }
        let reply = try await replyToGreeting()
        try await tellClient(reply.bytes)
        return reply.code == 250 ? try await onlyLeaving() : try await clientGreeting()
    }

    /// After HELO where STARTTLS is required: the client can leave, or greet again.
    private func onlyLeaving() async throws(SessionEnd) -> Line {
        phase = .starttls
        while true {
            let line = try await nextLine()
            switch line.verb {
            case .quit: throw .quit
            case .noop, .rset: try await answerLocally(.ok)
            case .ehlo where client.buffered == 0, .helo where client.buffered == 0: return line
            default: throw .tlsRequired
            }
        }
    }

    /// Passes EHLO on and its reply back, with STARTTLS added where it is ours to carry out.
    ///
    /// - Returns: the client's next greeting; `nil` where the session is handed off.
    private func passEHLO(_ greeting: Line) async throws(SessionEnd) -> Line? {
        usesHELO = false
        record.greeting = .ehlo
        try await tellUpstream(greeting.bytes)
        let reply = try await replyToGreeting()
        guard reply.code == 250 else {
            try await tellClient(reply.bytes)
            return try await clientGreeting()
        }
        guard settings.starttls != .off else {
            try await tellClient(reply.bytes)
            context.counters.add(.sessionsEsmtpUnencrypted)
            return nil
        }
        do throws(ReplyError) {
            client.queue(try reply.adding(.starttls).bytes)
        } catch { throw .upstreamBadReply }
        try await tellClient([])
        return try await choice()
    }

    private func replyToGreeting() async throws(SessionEnd) -> Reply {
        phase = phase == .ehloTLS ? .ehloTLSReply : .ehloReply
        let reply = try await nextReply(within: settings.timeouts.reply)
        if reply.announcesClosing { throw .upstream421(reply) }
        return reply
    }

    /// The client knows of STARTTLS and chooses. What has a meaning of its own at this point is answered here; any
    /// other command, with all that is pipelined behind it, goes to the upstream unread.
    ///
    /// - Returns: the client's next greeting; `nil` where the session is handed off.
    private func choice() async throws(SessionEnd) -> Line? {
        phase = .starttls
        let isRequired = settings.starttls == .require
        while true {
            let line = try await nextLine()
            let isAlone = client.buffered == 0
            switch line.verb {
            case .starttls where !line.command.argument.isEmpty:
                try await answerLocally(.starttlsTakesNoParameter)
            case .starttls:
                guard isAlone else { throw .badPipeline }
                try await startTLS()
                try await greetAgain()
                return nil
            case .ehlo where isAlone, .helo where isAlone: return line
            case .quit where isAlone || isRequired: throw .quit
            case .noop where isAlone || isRequired, .rset where isAlone || isRequired:
                try await answerLocally(.ok)
            case _ where isRequired: throw .tlsRequired
            default:
                context.counters.add(.sessionsEsmtpUnencrypted)
                try await passGroup(line)
                return nil
            }
        }
    }

    /// Inside the client's TLS: one more EHLO is read, so that its reply offers no second STARTTLS.
    private func greetAgain() async throws(SessionEnd) {
        phase = .ehloTLS
        while true {
            let line = try await nextLine()
            guard line.verb == .ehlo else { return try await passGroup(line) }
            guard client.buffered == 0 else { throw .badPipeline }
            try await tellUpstream(line.bytes)
            let reply = try await replyToGreeting()
            try await tellClient(reply.removing([.starttls]).bytes)
            if reply.code == 250 { return }
            phase = .ehloTLS
        }
    }

    /// Passes on a command and what the client has pipelined behind it, in one piece.
    private func passGroup(_ line: Line) async throws(SessionEnd) {
        try await tellUpstream(line.bytes + client.takeInput(client.buffered))
    }

    private func answerLocally(_ reply: LocalReply) async throws(SessionEnd) {
        localAnswers += 1
        guard localAnswers <= DialogueLimits.localAnswers else { throw .tooManyErrors }
        try await tellClient(render(reply))
    }
}
