import Ring
import TLS
import Telemetry
import Wire

extension TunnelSession {
    /// Takes the client into TLS (RFC 3207). All that was said before counts no more; nothing of it is left unread.
    func startTLS() async throws(SessionEnd) {
        guard let tls = context.tls else { preconditionFailure("STARTTLS was offered without a certificate") }
        phase = .handshake
        try await tellClient(render(.readyToStartTLS))
        let engine = TLSEngine(server: tls)
        client.deadline = ring.now + settings.timeouts.tlsHandshake
        do throws(StreamError) {
            try await client.secure(with: engine)
        } catch {
            context.counters.add(.sessionsDownstreamSSLErr)
            throw handshakeFailed(error, engine)
        }
        context.counters.add(.sessionsDownstreamTerminatedSSL)
        record.tls = SessionRecord.TLSFacts(
            version: engine.protocolVersion ?? "", cipher: engine.cipher ?? "", resumed: engine.isResumed)
    }

    private func handshakeFailed(_ error: StreamError, _ engine: TLSEngine) -> SessionEnd {
        let failure: TLSFailure =
            switch error {
            case .timedOut: .timeout
            case .insecure: engine.failure ?? .closed
            default: .closed
            }
        record.tlsFailure = failure.label.rawValue
        context.log.debug(
            "TLS handshake failed", ["session": record.id.description, "reason": failure.description])
        return SessionEnd(error == .timedOut ? .tlsTimeout : .tlsFailed, by: .client)
    }
}
