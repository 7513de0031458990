import Ring
import Telemetry
import Wire

/// How fast a client sends messages, in the time in which they are waited for: how fast an upstream takes them is no
/// matter of the client's.
struct MessagePace {
    private var bytes: UInt64 = 0
    private var waitedNanoseconds: UInt64 = 0

    /// More has come behind a wait. False where all that has come in a period of waiting is too little.
    mutating func note(_ bytes: Int, afterNanoseconds waited: UInt64, least rate: Pump.Limits.Rate) -> Bool {
        self.bytes += UInt64(bytes)
        waitedNanoseconds += waited
        guard waitedNanoseconds >= rate.periodNanoseconds else { return true }
        defer { self = MessagePace() }
        return self.bytes >= rate.bytes
    }
}

extension EnvelopeSession {
    /// Ends the session where the message, of which more is there now, comes too slowly.
    ///
    /// - Parameter start: when there was nothing of it, and the wait began.
    func keepPace(since start: Instant) throws(SessionEnd) {
        guard let rate = settings.minimumRate else { return }
        let waited = ring.now.nanoseconds(since: start)
        guard pace.note(client.buffered, afterNanoseconds: waited, least: rate) else { throw .slowMessage }
    }
}

extension SessionEnd {
    fileprivate static let slowMessage = SessionEnd(
        .tooSlow, by: .client, counting: .sessionsTooSlow, saying: .own(.dataTimeout))
}
