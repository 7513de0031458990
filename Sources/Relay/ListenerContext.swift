import Ring
import TLS
import Telemetry

/// What the sessions of one listener have in common on one shard, between two reloads.
final class ListenerContext {
    let ring: Ring
    let settings: ListenerSettings
    /// At envelope depth.
    let envelope: EnvelopeSettings
    let policies: ListenerPolicies
    let pool: UpstreamPool
    let limits: SessionLimits
    let tls: TLSServerContext?
    let counters: Counters
    let log: Log
    let transcript: Transcript?
    /// What is offered where transactions go their own way; nil where sessions do, and where it is configured.
    let offered: OfferedCapabilities?
    var failureWarning = SeldomWarning("clients fail to authenticate too often")

    init(
        _ settings: ListenerSettings, _ pool: UpstreamPool, _ policies: ListenerPolicies, limits: SessionLimits,
        counters: Counters, log: Log
    ) throws(TLSConfigurationError) {
        ring = pool.ring
        self.settings = settings
        envelope = settings.envelope ?? EnvelopeSettings()
        self.policies = policies
        self.pool = pool
        self.limits = limits
        self.counters = counters
        self.log = log
        transcript = settings.transcript
        let transactions = envelope.capabilities.isEmpty ? envelope.transactions : nil
        offered = transactions.map { OfferedCapabilities($0, hidden: settings.ehlo.hidden, pool, policies) }
        if let configuration = settings.tls { tls = try TLSServerContext(configuration) } else { tls = nil }
    }
}

extension ListenerContext {
    /// Of a client at the beginning of its message.
    var clientPace: ClientPace {
        let transactions = envelope.transactions ?? TransactionSettings()
        return ClientPace(most: transactions.dataTimeout, bytesPerSecond: transactions.bytesPerSecondMin)
    }
}

extension ListenerContext: PumpObserver {
    func readingPaused(from side: Pump.Side, holding bytes: Int) {
        counters.add(.flowControlPausedReadingTotal)
        counters.raise(side == .downstream ? .downstreamRxBytesBuffered : .downstreamTxBytesBuffered, by: UInt64(bytes))
    }

    func readingResumed(from side: Pump.Side, releasing bytes: Int) {
        counters.add(.flowControlResumedReadingTotal)
        counters.lower(side == .downstream ? .downstreamRxBytesBuffered : .downstreamTxBytesBuffered, by: UInt64(bytes))
    }

    func flushBegan() {
        counters.add(.upstreamFlushTotal)
        counters.raise(.upstreamFlushActive)
    }

    func flushEnded() {
        counters.lower(.upstreamFlushActive)
    }

    func spliced(_ bytes: Int) {
        counters.add(.splicedBytes, UInt64(bytes))
    }
}
