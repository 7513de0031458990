/// Told of what slows pumps down and what speeds them up, for metrics. Called on rare occasions, and for large pieces;
/// must not call back.
public protocol PumpObserver: AnyObject {
    /// Nothing more is read from `side` until the other side has taken what was read: `bytes` wait.
    func readingPaused(from side: Pump.Side, holding bytes: Int)
    /// The other side has taken them, or the pump has ended.
    func readingResumed(from side: Pump.Side, releasing bytes: Int)
    /// The downstream has ended its direction, and bytes for the upstream are still to be sent.
    func flushBegan()
    func flushEnded()
    /// So many bytes have gone through a pipe.
    func spliced(_ bytes: Int)
}
