import Ring
import TLS
import Telemetry

extension Session {
    /// After the hand-off: bytes both ways, until both sides have closed. Then `ended` is called, and the connections
    /// are still to be closed.
    ///
    /// No task lives meanwhile: most sessions spend most of their life here, and a waiting task costs more than all
    /// else.
    func passThrough(_ ended: @escaping () -> Void) {
        guard let upstream else { preconditionFailure("handed off to nobody") }
        phase = .passthrough
        transcribe(with: .client, "handed off: what follows is not read")
        commandArrival = nil
        client.deadline = .never
        if client.keepsInputSecret {
            client.keepsInputSecret = false
            (client.layer as? TLSEngine)?.keepsInputSecret = false
        }
        upstream.deadline = .never
        if verifiesUpstream == nil, let tls = upstream.layer as? TLSEngine, let session = tls.session {
            server?.tlsSession = session
        }
        let limits = Pump.Limits(
            idle: settings.timeouts.passthroughIdle, halfClosedIdle: settings.timeouts.command,
            life: settings.timeouts.session, rate: settings.minimumRate)
        let pump = Pump(downstream: client, upstream: upstream, limits: limits, observer: context)
        self.pump = pump
        context.counters.raise(.sessionsPassthrough)
        pump.start { outcome in
            self.context.counters.lower(.sessionsPassthrough)
            self.note(outcome)
            ended()
        }
    }

    private func note(_ outcome: Pump.Outcome) {
        switch outcome {
        case .finished(first: let side):
            conclude(.completed, by: side == .downstream ? .client : .upstream)
        case .broken(.downstream, .insecure): conclude(.tlsFailed, by: .client)
        case .broken(.downstream, _): conclude(.clientReset, by: .client)
        case .broken(.upstream, .insecure): conclude(.upstreamTLSFailed, by: .upstream)
        case .broken(.upstream, _): conclude(.upstreamReset, by: .upstream)
        case .idle: conclude(.idleTimeout, by: .mailrace, counting: .sessionsIdleTimeout)
        case .aborted: conclude(.drained, by: .mailrace, counting: .sessionsDrained)
        case .expired: conclude(.sessionTimeout, by: .mailrace, counting: .sessionsSessionTimeout)
        case .tooSlow: conclude(.tooSlow, by: .mailrace, counting: .sessionsTooSlow)
        case .overloaded: conclude(.internalError, by: .mailrace)
        }
    }

    private func conclude(
        _ end: SessionRecord.End, by party: SessionRecord.Party, counting counter: Counter? = nil
    ) {
        record.end = end
        record.endedBy = party
        if let counter { context.counters.add(counter) }
    }
}
