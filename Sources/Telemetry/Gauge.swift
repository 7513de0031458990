/// What goes up and down for each listener.
public enum Gauge: Int, CaseIterable, Sendable {
    /// Sessions that have begun and not ended.
    case sessionsActive
    /// Of these, the ones handed off to opaque bytes.
    case sessionsPassthrough
    /// Bytes read from clients that their upstream does not take yet.
    case downstreamRxBytesBuffered
    /// Bytes read from upstreams that their client does not take yet.
    case downstreamTxBytesBuffered
    /// Sessions whose client has ended its direction while bytes for the upstream are still to be sent.
    case upstreamFlushActive
}

extension Gauge {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String {
        switch self {
        case .sessionsActive: "sessions_active"
        case .sessionsPassthrough: "sessions_passthrough"
        case .downstreamRxBytesBuffered: "downstream_rx_bytes_buffered"
        case .downstreamTxBytesBuffered: "downstream_tx_bytes_buffered"
        case .upstreamFlushActive: "upstream_flush_active"
        }
    }

    /// One sentence for the person who reads a snapshot.
    public var help: String {
        switch self {
        case .sessionsActive: "Sessions that have begun and not ended."
        case .sessionsPassthrough: "Sessions handed off to opaque bytes."
        case .downstreamRxBytesBuffered: "Bytes of clients held for upstreams that do not read."
        case .downstreamTxBytesBuffered: "Bytes of upstreams held for clients that do not read."
        case .upstreamFlushActive: "Sessions whose client is done while bytes for the upstream still wait."
        }
    }
}
