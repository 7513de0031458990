import Ring
import TLS
import Telemetry
import Wire

extension Session {
    /// Takes the client into TLS (RFC 3207). All that was said before counts no more; nothing of it is left unread.
    func startTLS() async throws(SessionEnd) {
        phase = .handshake
        // While the upstream was secured the client was listened to. What it sends from our 220 on is TLS.
        await client.stopReceiving()
        guard client.buffered == 0 else { throw .badPipeline }
        try await tellClient(render(.readyToStartTLS))
        try await secureClient()
    }

    /// The handshake with the client.
    @inline(never)
    func secureClient() async throws(SessionEnd) {
        guard let tls = context.tls else { preconditionFailure("TLS without a certificate") }
        phase = .handshake
        let engine = TLSEngine(server: tls)
        if client.keepsInputSecret { engine.keepsInputSecret = true }
        let start = ring.now
        client.deadline = ring.now + settings.timeouts.tlsHandshake
        do throws(StreamError) {
            // Its first bytes may have come in one piece with the PROXY header.
            try await client.secure(with: engine, takesUnread: settings.isImplicitTLS)
        } catch {
            context.counters.add(.sessionsDownstreamSSLErr)
            throw handshakeFailed(error, engine)
        }
        context.counters.add(.sessionsDownstreamTerminatedSSL)
        note(.downstreamTLSHandshake, since: start)
        let facts = SessionRecord.TLSFacts(engine)
        context.counters.add(.downstreamTLSSessions, reason: facts.version)
        record.tls = facts
        transcribe(with: .client, "TLS: \(facts.transcribed)")
        record.clientCertificate = engine.peerCertificate?.commonName
    }

    private func handshakeFailed(_ error: StreamError, _ engine: TLSEngine) -> SessionEnd {
        let failure = TLSFailure(of: engine, error)
        record.tlsFailure = failure.label.rawValue
        context.counters.add(.downstreamTLSFailures, reason: failure.label.rawValue)
        transcribe(with: .client, "TLS failed: \(failure.description)")
        context.log.debug(
            "TLS handshake failed", ["session": record.id.description, "reason": failure.description])
        return SessionEnd(error == .timedOut ? .tlsTimeout : .tlsFailed, by: .client)
    }
}

extension TLSFailure {
    /// Why a handshake that ended with `error` did.
    init(of engine: TLSEngine, _ error: StreamError) {
        self =
            switch error {
            case .timedOut: .timeout
            case .insecure: engine.failure ?? .closed
            default: .closed
            }
    }
}

extension SessionRecord.TLSFacts {
    init(_ engine: TLSEngine) {
        self.init(
            version: engine.protocolVersion ?? "", cipher: engine.cipher ?? "", resumed: engine.isResumed)
    }
}
