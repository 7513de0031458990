import Synchronization

/// The counters and gauges of one listener on one shard.
///
/// One writer, any number of readers: only the shard changes them, from its own thread; any thread may read. That is
/// why a plain load and store is enough where several writers would need a locked addition. A reader sees each value
/// whole, but not all of them at one instant.
public final class Counters: Sendable {
    private let counters = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }
    private let gauges = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }

    public init() {
        precondition(Counter.allCases.count <= counters.count && Gauge.allCases.count <= gauges.count)
    }

    /// Adds to a counter. On the shard's thread only.
    public func add(_ counter: Counter, _ amount: UInt64 = 1) {
        let cell = counter.rawValue
        counters[cell].store(counters[cell].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Raises a gauge. On the shard's thread only.
    public func raise(_ gauge: Gauge, by amount: UInt64 = 1) {
        let cell = gauge.rawValue
        gauges[cell].store(gauges[cell].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Lowers a gauge. It must have been raised by as much before. On the shard's thread only.
    public func lower(_ gauge: Gauge, by amount: UInt64 = 1) {
        let cell = gauge.rawValue
        let value = gauges[cell].load(ordering: .relaxed)
        precondition(value >= amount, "a gauge was lowered more than raised")
        gauges[cell].store(value &- amount, ordering: .relaxed)
    }

    /// The counter's value now. From any thread.
    public func value(of counter: Counter) -> UInt64 {
        counters[counter.rawValue].load(ordering: .relaxed)
    }

    /// The gauge's value now. From any thread.
    public func value(of gauge: Gauge) -> UInt64 {
        gauges[gauge.rawValue].load(ordering: .relaxed)
    }
}
