import Ring
import TLS
import Telemetry

/// What the sessions of one listener have in common on one shard.
final class TunnelContext {
    let ring: Ring
    let settings: TunnelSettings
    let tls: TLSServerContext?
    let counters: Counters
    let log: Log

    init(
        _ ring: Ring, _ settings: TunnelSettings, counters: Counters, log: Log
    ) throws(TLSConfigurationError) {
        self.ring = ring
        self.settings = settings
        self.counters = counters
        self.log = log
        if let configuration = settings.tls { tls = try TLSServerContext(configuration) } else { tls = nil }
    }
}
