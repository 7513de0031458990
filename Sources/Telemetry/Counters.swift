import Ring
import Synchronization

/// The counters and gauges of one listener on one shard.
///
/// One writer, any number of readers: only the shard changes them, from its own thread; any thread may read. That is
/// why a plain load and store is enough where several writers would need a locked addition. A reader sees each value
/// whole, but not all of them at one instant.
public final class Counters: Sendable {
    private let counters = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }
    private let gauges = InlineArray<16, Atomic<UInt64>> { _ in Atomic(0) }
    private let commands = InlineArray<24, Atomic<UInt64>> { _ in Atomic(0) }
    /// For each histogram its buckets, then the sum.
    private let sizes = InlineArray<288, Atomic<UInt64>> { _ in Atomic(0) }
    /// A lock does here: failures are rare, and a handshake costs far more.
    private let reasons = Locked<[CounterFamily: [String: UInt64]]>([:])
    /// A message costs far more, too.
    private let routes = Locked<[MessageRoute: UInt64]>([:])

    /// Reasons that a family may have; what comes past that counts as `other`.
    static let reasonsMax = 64
    static let otherReason = "other"
    /// Combinations of route and outcome; what comes past that counts as routes called `other`. A configuration has
    /// few, but there may be many reloads.
    static let routesMax = 1024

    private static let cellsPerHistogram = Histogram.boundCount + 2

    public init() {
        precondition(Counter.allCases.count <= counters.count && Gauge.allCases.count <= gauges.count)
        precondition(CountedCommand.allCases.count <= commands.count)
        precondition(Histogram.allCases.count * Self.cellsPerHistogram <= sizes.count)
    }

    /// Adds to a counter. On the shard's thread only.
    public func add(_ counter: Counter, _ amount: UInt64 = 1) {
        let cell = counter.rawValue
        counters[cell].store(counters[cell].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Counts a command of a client. On the shard's thread only.
    public func add(_ command: CountedCommand) {
        let cell = command.rawValue
        commands[cell].store(commands[cell].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// Counts a time. On the shard's thread only.
    public func add(_ histogram: Histogram, nanoseconds: UInt64) {
        precondition(histogram.unit == .time)
        sort(nanoseconds, into: histogram)
    }

    /// Counts a size. On the shard's thread only.
    public func add(_ histogram: Histogram, bytes: UInt64) {
        precondition(histogram.unit == .bytes)
        sort(bytes, into: histogram)
    }

    private func sort(_ amount: UInt64, into histogram: Histogram) {
        var bucket = 0
        while bucket < Histogram.boundCount, amount > histogram.end(of: bucket) { bucket += 1 }
        let first = histogram.rawValue * Self.cellsPerHistogram
        raise(first + bucket, by: 1)
        raise(first + Self.cellsPerHistogram - 1, by: amount)
    }

    private func raise(_ cell: Int, by amount: UInt64) {
        sizes[cell].store(sizes[cell].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Adds one to the counter of a family that stands for this reason.
    public func add(_ family: CounterFamily, reason: String) {
        // In place: a copy of the family's counts would cost more than counting.
        reasons.withLock { $0[family, default: [:]].addOne(to: reason) }
    }

    /// Adds one to the counter of messages that went this way.
    public func add(_ route: MessageRoute) {
        routes.withLock { routes in
            let isKnown = routes[route] != nil || routes.count < Self.routesMax - MessageRecord.Outcome.allCases.count
            let counted =
                isKnown
                ? route
                : MessageRoute(source: Self.otherReason, upstream: Self.otherReason, outcome: route.outcome)
            routes[counted, default: 0] &+= 1
        }
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

    /// How often the command has come. From any thread.
    public func value(of command: CountedCommand) -> UInt64 {
        commands[command.rawValue].load(ordering: .relaxed)
    }

    /// The histogram now. From any thread.
    public func value(of histogram: Histogram) -> HistogramValue {
        let first = histogram.rawValue * Self.cellsPerHistogram
        var value = HistogramValue()
        for bucket in value.counts.indices { value.counts[bucket] = sizes[first + bucket].load(ordering: .relaxed) }
        value.sum = sizes[first + Self.cellsPerHistogram - 1].load(ordering: .relaxed)
        return value
    }

    /// The family's counters now, by reason; those that have moved. From any thread.
    public func values(of family: CounterFamily) -> [String: UInt64] {
        reasons.withLock { $0[family] ?? [:] }
    }
    /// The messages by the way they went; what has moved. From any thread.
    public var routeValues: [MessageRoute: UInt64] { routes.withLock { $0 } }
}

extension [String: UInt64] {
    /// Adds one to the count of this reason, or of all others where there are too many.
    fileprivate mutating func addOne(to reason: String) {
        let isKnown = self[reason] != nil || count < Counters.reasonsMax - 1
        self[isKnown ? reason : Counters.otherReason, default: 0] &+= 1
    }
}
