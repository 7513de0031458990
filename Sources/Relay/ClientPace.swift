import Ring

/// How long a client may still have others wait for its message. Each wait takes from that and each byte gives some of
/// it back, up to where it began. While nobody waits for the client it costs nothing: what holds an upstream up is no
/// fault of the client's.
struct ClientPace {
    private var left: Duration
    private let most: Duration
    private let bytesPerSecond: Int

    /// - Parameters:
    ///   - most: the longest silence.
    ///   - bytesPerSecond: who keeps to it can go on for ever.
    init(most: Duration, bytesPerSecond: Int) {
        precondition(bytesPerSecond > 0)
        left = most
        self.most = most
        self.bytesPerSecond = bytesPerSecond
    }

    /// When a wait that begins now is over.
    func waitEnd(from now: Instant) -> Instant { now + left }

    /// The client has been waited for.
    mutating func wait(_ duration: Duration) { left = max(.zero, left - duration) }

    /// The client has sent so much.
    ///
    /// - Returns: the time that this was worth.
    mutating func take(bytes: Int) -> Duration {
        let (product, overflow) = Int64(bytes).multipliedReportingOverflow(by: 1_000_000_000)
        let worth = Duration.nanoseconds((overflow ? .max : product) / Int64(bytesPerSecond))
        left = min(most, left + worth)
        return worth
    }

    /// Whether a wait this long is silence, and not slowness.
    func isSilence(_ duration: Duration) -> Bool { duration >= most / 2 }
}
