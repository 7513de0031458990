import Ring
import Telemetry
import Wire

// Where the upstream is dialled only once the client has chosen with or without TLS, Mailrace greets the client itself.
// What the upstream has to say comes when the client greets again inside TLS.
extension TunnelSession {
    /// From our own greeting to the hand-off.
    func negotiateAlone() async throws(SessionEnd) {
        phase = .greeting
        guard client.buffered == 0 else {
            context.counters.add(.earlyDataReceivedCountTotal)
            throw .clientDesync
        }
        try await tellClient(Array("220 \(settings.hostname) ESMTP\r\n".utf8))
        var greeting: Line?
        phase = .ehlo
        while true {
            let line = try await nextLine()
            let isAlone = client.buffered == 0
            switch line.verb {
            case .ehlo, .helo:
                guard isAlone else { throw .badPipeline }
                greeting = line
                try await answerGreeting(line)
            case .quit: throw .quit
            case .noop, .rset: try await answerLocally(.ok)
            case _ where greeting == nil: throw .badSequence
            case .starttls where usesHELO: try await answerLocally(.badSequence)
            case .starttls where !line.command.argument.isEmpty: try await answerLocally(.starttlsTakesNoParameter)
            case .starttls:
                guard isAlone else { throw .badPipeline }
                try await startTLS()
                try await reachUnseen()
                return try await greetAgain()
            case _ where settings.starttls == .require: throw .tlsRequired
            default:
                guard let greeting else { throw .badSequence }
                return try await goOnInTheClear(greeting, line)
            }
        }
    }

    private func answerGreeting(_ line: Line) async throws(SessionEnd) {
        phase = .starttls
        usesHELO = line.verb == .helo
        note(line)
        if usesHELO, !hasSaidHELO {
            hasSaidHELO = true
            context.counters.add(.sessionsNonEsmtp)
        }
        let name = settings.hostname
        let reply = usesHELO ? "250 \(name)\r\n" : "250-\(name)\r\n250 STARTTLS\r\n"
        try await answerLocally(Array(reply.utf8))
    }

    /// Connects the upstream; the client has been greeted already. It may speak meanwhile.
    @inline(never)
    private func reachUnseen() async throws(SessionEnd) {
        watch = .waitingClient
        let greeting = try await reachUpstream()
        watch = .silentClient
        guard greeting.code == 220 else { throw .upstreamRefused }
    }

    /// The client does without TLS: the upstream hears of its greeting, and then of what it said behind that.
    @inline(never)
    private func goOnInTheClear(_ greeting: Line, _ line: Line) async throws(SessionEnd) {
        try await reachUnseen()
        phase = .ehloReply
        watch = .waitingClient
        let reply = try await introduce(greeting)
        guard reply.code == 250 else { throw .upstreamRefused }
        if !usesHELO { context.counters.add(.sessionsEsmtpUnencrypted) }
        try await passGroup(line)
    }
}
