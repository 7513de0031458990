import Ring
import Telemetry
import Wire

// The dialogue up to the hand-off.
extension TunnelSession {
    /// Connects the upstream and relays its greeting. False where it is a refusal.
    func greet() async throws(SessionEnd) -> Bool {
        let greeting = try await reachUpstream()
        try await tellClient(greeting.bytes)
        return greeting.code == 220
    }

    /// The upstream wants nothing to do with the client (RFC 5321 section 3.1: 554): nothing but QUIT makes sense.
    func refuseAll() async throws(SessionEnd) -> Never {
        phase = .ehlo
        await closeUpstream()
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
        note(greeting)
        guard settings.starttls == .require || wantsUpstreamTLS else {
            try await tellUpstream(greeting.bytes)
            return nil
        }
        phase = .ehloReply
        let reply = try await introduce(greeting)
        try await tellClient(reply.bytes)
        guard settings.starttls == .require else { return nil }
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
        note(greeting)
        phase = .ehloReply
        let reply = try await introduce(greeting)
        guard reply.code == 250 else {
            try await tellClient(reply.bytes)
            return try await clientGreeting()
        }
        // (The operator && would lose the type of the error.)
        let canStartTLS = settings.starttls == .off ? false : try canMirrorTLS(reply)
        try await tellClient(try edited(reply, canStartTLS: canStartTLS).bytes)
        guard canStartTLS else {
            if !isClientSecure { context.counters.add(.sessionsEsmtpUnencrypted) }
            return nil
        }
        return try await choice()
    }

    /// Where both sides are to have TLS or neither, the client can have it only if the upstream can.
    private func canMirrorTLS(_ reply: Reply) throws(SessionEnd) -> Bool {
        guard pool.settings.tls == .mirror, upstream?.layer == nil, !reply.offers(.starttls) else { return true }
        context.counters.add(.sessionsUpstreamSSLNotOffered)
        guard settings.starttls != .require else { throw .upstreamTLSNotOffered }
        return false
    }

    /// The upstream's reply to EHLO as the client is to see it.
    private func edited(_ reply: Reply, canStartTLS: Bool) throws(SessionEnd) -> Reply {
        let policy = settings.ehlo
        let edit = isClientSecure ? policy.insideTLS : policy.beforeTLS
        do throws(ReplyError) {
            let shown = reply.removing(policy.hidden)
            switch edit {
            case .inject where canStartTLS: return try shown.adding(.starttls)
            case .inject, .strip: return shown.removing(.starttls)
            case .pass: return shown
            }
        } catch { throw .upstreamBadReply }
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
                try await mirrorTLS()
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
    func greetAgain() async throws(SessionEnd) {
        phase = .ehloTLS
        while true {
            let line = try await nextLine()
            switch line.verb {
            case .ehlo: break
            case .helo where wantsUpstreamTLS: break
            case .quit where wantsUpstreamTLS: throw .quit
            case .noop where wantsUpstreamTLS, .rset where wantsUpstreamTLS:
                try await answerLocally(.ok)
                continue
            // The upstream's TLS comes with EHLO: nothing can go there before.
            case _ where wantsUpstreamTLS: throw .badSequence
            default: return try await passGroup(line)
            }
            guard client.buffered == 0 else { throw .badPipeline }
            noteName(in: line)
            phase = .ehloTLSReply
            let reply = try await introduce(line)
            try await tellClient(try edited(reply, canStartTLS: false).bytes)
            if reply.code == 250 { return }
            phase = .ehloTLS
        }
    }

    /// Passes on a command and what the client has pipelined behind it, in one piece.
    func passGroup(_ line: Line) async throws(SessionEnd) {
        try await tellUpstream(line.bytes + client.takeInput(client.buffered))
    }

    func answerLocally(_ reply: LocalReply) async throws(SessionEnd) {
        try await answerLocally(render(reply))
    }

    /// A reply of Mailrace's own to a command that moves nothing on: there is an end to these.
    func answerLocally(_ reply: [UInt8]) async throws(SessionEnd) {
        localAnswers += 1
        guard localAnswers <= DialogueLimits.localAnswers else { throw .tooManyErrors }
        try await tellClient(reply)
    }
}
