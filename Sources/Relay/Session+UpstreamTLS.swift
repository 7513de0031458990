import Ring
import TLS
import Telemetry
import Wire

// TLS with the upstream, while the client waits.
extension Session {
    /// The upstream is to be inside TLS before it hears more of the client.
    var wantsUpstreamTLS: Bool {
        guard upstream?.layer == nil, !doesWithoutUpstreamTLS else { return false }
        switch pool.settings.tls {
        case .off, .implicit: return false
        case .opportunistic, .required: return true
        case .mirror: return isClientSecure
        }
    }

    /// Without TLS the session does not go on.
    private var needsUpstreamTLS: Bool { pool.settings.tls != .opportunistic }

    /// Says EHLO or HELO to the upstream and returns its answer: the second one, where STARTTLS was between.
    func introduce(_ greeting: Line) async throws(SessionEnd) -> Reply {
        let reply = try await introduced(greeting)
        guard reply.code == 250 else { return reply }
        server?.noteSuccess()
        if pool.isAskedForOffers, greeting.verb != .helo {
            server?.note(ServerOffer(reply), isClientSecure: isClientSecure)
        }
        return reply
    }

    private func introduced(_ greeting: Line) async throws(SessionEnd) -> Reply {
        if greeting.verb == .helo, wantsUpstreamTLS {
            // Who says HELO is told nothing of STARTTLS (RFC 3207 section 4): it is asked for in its name.
            let reply = try await answer(to: ehlo(of: greeting))
            if reply.code == 250 {
                _ = try await securing(reply, greeting)
            } else if needsUpstreamTLS {
                context.counters.add(.sessionsUpstreamSSLNotOffered)
                throw .upstreamTLSNotOffered
            }
            return try await answer(to: greeting.bytes)
        }
        let reply = try await answer(to: greeting.bytes)
        guard wantsUpstreamTLS, reply.code == 250 else { return reply }
        return try await securing(reply, greeting)
    }

    /// What the upstream answers to a command.
    func answer(to command: [UInt8]) async throws(SessionEnd) -> Reply {
        try await tellUpstream(command)
        let reply = try await nextReply(within: settings.timeouts.reply)
        if reply.announcesClosing { throw .upstream421(reply) }
        return reply
    }

    /// Takes the upstream into TLS, if it is willing, and greets it again.
    ///
    /// - Parameter offer: the upstream's reply to EHLO. It is also the result where the session goes on without TLS.
    @inline(never)
    private func securing(_ offer: Reply, _ greeting: Line) async throws(SessionEnd) -> Reply {
        let phase = phase
        guard offer.offers(.starttls) else {
            context.counters.add(.sessionsUpstreamSSLNotOffered)
            guard !needsUpstreamTLS else { throw .upstreamTLSNotOffered }
            doesWithoutUpstreamTLS = true
            return offer
        }
        do throws(SessionEnd) {
            guard try await startUpstreamTLS() else {
                guard !needsUpstreamTLS else { throw .upstreamTLSRefused }
                doesWithoutUpstreamTLS = true
                self.phase = phase
                return offer.removing(.starttls)
            }
            self.phase = phase
            // In TLS 1.3 a server that refuses our certificate, or the lack of one, does so only now.
            return try await answer(to: ehlo(of: greeting))
        } catch {
            // Some servers hang up on what they cannot do.
            let isBroken = [.upstreamTLSFailed, .upstreamClosed, .upstreamReset].contains(error.end)
            // Whose certificate was asked about is not to have in the clear what its TLS was not good enough for.
            guard isBroken, !needsUpstreamTLS, verifiesUpstream != true else { throw error }
            doesWithoutUpstreamTLS = true
            try await beginAgain()
        }
        self.phase = phase
        return try await answer(to: ehlo(of: greeting)).removing(.starttls)
    }

    private func ehlo(of greeting: Line) -> [UInt8] {
        greeting.verb != .helo ? greeting.bytes : Array("EHLO ".utf8) + greeting.command.argument + Array("\r\n".utf8)
    }

    /// For a client that has asked for TLS where the upstream is to have it too.
    func mirrorTLS() async throws(SessionEnd) {
        guard pool.settings.tls == .mirror, upstream?.layer == nil else { return }
        guard try await startUpstreamTLS() else { throw .upstreamTLSRefused }
    }

    /// STARTTLS with the upstream. False where it refuses.
    private func startUpstreamTLS() async throws(SessionEnd) -> Bool {
        phase = .upstreamStartTLS
        let reply = try await answer(to: Array("STARTTLS\r\n".utf8))
        guard reply.code == 220 else {
            context.counters.add(.sessionsUpstreamSSLCommandErr)
            record.upstreamTLSFailure = "command_\(reply.code)"
            return false
        }
        phase = .upstreamHandshake
        try await secureUpstream()
        return true
    }

    /// The handshake with the upstream.
    func secureUpstream() async throws(SessionEnd) {
        guard let upstream, let server else { preconditionFailure("TLS with nobody") }
        let engine: TLSEngine
        do throws(TLSConfigurationError) {
            guard let tls = try pool.tls(verifying: verifiesUpstream) else {
                preconditionFailure("TLS without settings")
            }
            // A session that began where less was asked of the certificate is none to take up where more is.
            let session = verifiesUpstream == nil ? server.tlsSession : nil
            engine = try TLSEngine(client: tls, serverName: server.tlsName, session: session)
        } catch {
            throw upstreamTLSFailed("server_name", error.description)
        }
        let start = ring.now
        upstream.deadline = start + settings.timeouts.tlsHandshake
        do throws(StreamError) {
            try await upstream.flush()
            try await upstream.secure(with: engine)
        } catch {
            if isDraining { throw .drained }
            server.tlsSession = nil
            let failure = TLSFailure(of: engine, error)
            if let found = failure.verification?.outcome.rawValue {
                context.counters.add(.upstreamVerificationFailures, reason: found)
            }
            throw upstreamTLSFailed(failure.label.rawValue, failure.description)
        }
        context.counters.add(.sessionsUpstreamTerminatedSSL)
        note(.upstreamTLSHandshake, since: start)
        let facts = SessionRecord.TLSFacts(engine)
        context.counters.add(.upstreamTLSSessions, reason: facts.version)
        record.upstreamTLS = facts
        transcribe(with: .upstream, "TLS: \(facts.transcribed)")
        if let verification = engine.verification { note(verification) }
    }

    /// What the upstream's certificate is worth, where the session goes on whatever it is.
    private func note(_ verification: TLSVerification) {
        let isNews = server?.noteCertificate(verification) ?? true
        guard verification.isRefusal else { return }
        record.upstreamTLSFailure = verification.outcome.rawValue
        context.counters.add(.upstreamVerificationFailures, reason: verification.outcome.rawValue)
        guard isNews else { return }
        context.log.warning(
            "upstream certificate not valid",
            ["session": record.id.description, "server": record.upstream ?? "", "reason": verification.text])
    }

    /// The upstream's direction has ended while it was to speak.
    func upstreamFailed(_ upstream: Stream) -> SessionEnd {
        guard upstream.inputEnd == .insecure, let engine = upstream.layer as? TLSEngine else {
            return .upstreamFailed(upstream)
        }
        let failure = TLSFailure(of: engine, .insecure)
        return upstreamTLSFailed(failure.label.rawValue, failure.description)
    }

    private func upstreamTLSFailed(_ label: String, _ text: String) -> SessionEnd {
        record.upstreamTLSFailure = label
        context.counters.add(.upstreamTLSFailures, reason: label)
        transcribe(with: .upstream, "TLS failed: \(text)")
        context.log.warning(
            "TLS with the upstream failed",
            ["session": record.id.description, "server": record.upstream ?? "", "reason": text])
        return .upstreamTLSFailed
    }

    /// Opportunistic TLS has failed in the middle of the dialogue: the connection cannot be used any more. The same
    /// server is dialled once more, and its greeting, which the client has seen, is not shown again.
    private func beginAgain() async throws(SessionEnd) {
        guard let server else { preconditionFailure("no server to dial again") }
        await closeForAnother()
        guard try await open(server) else { throw .upstreamUnreachable }
        let again = try await nextReply(within: settings.timeouts.greeting)
        if again.announcesClosing { throw .upstream421(again) }
        guard again.code == 220 else { throw .upstreamClosed }
    }
}
