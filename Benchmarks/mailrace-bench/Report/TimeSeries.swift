import Ring

/// What happened in each piece of a run's time: fine pieces for a short run, coarser ones as it grows longer, so that
/// its memory has a limit.
struct TimeSeries: Sendable {
    /// What happened within one interval.
    struct Slot: Sendable {
        var sessions = 0
        var messages = 0
        /// Of the messages' bodies.
        var bytes = 0
        /// Sessions that failed.
        var failures = 0
        /// From when they were to begin.
        var sessionTimes = Histogram(precisionBits: precisionBits)
        var messageTimes = Histogram(precisionBits: precisionBits)

        /// A percentile is right within 6 %.
        private static let precisionBits = 4

        mutating func merge(_ other: Slot) {
            sessions += other.sessions
            messages += other.messages
            bytes += other.bytes
            failures += other.failures
            sessionTimes.merge(other.sessionTimes)
            messageTimes.merge(other.messageTimes)
        }
    }

    let begin: Instant
    private(set) var slots: [Slot] = []
    private(set) var intervalNanoseconds: UInt64 = 100_000_000
    /// From the beginning to the last thing that happened.
    private var lengthNanoseconds: UInt64 = 0

    /// A minute in tenths of seconds, two hours in seconds, then twice as coarse each time it is full.
    private static let secondNanoseconds: UInt64 = 1_000_000_000
    private var slotsLimit: Int { intervalNanoseconds < Self.secondNanoseconds ? 600 : 7_200 }
    private var nextFactor: Int { intervalNanoseconds < Self.secondNanoseconds ? 10 : 2 }

    init(begin: Instant) { self.begin = begin }

    var intervalSeconds: Double { Double(intervalNanoseconds) / 1e9 }

    /// How much of a slot the run has lasted: all of it, unless it is the last one.
    func secondsCovered(ofSlot index: Int) -> Double {
        let begin = UInt64(index) * intervalNanoseconds
        return Double(min(max(lengthNanoseconds, begin) - begin, intervalNanoseconds)) / 1e9
    }

    mutating func noteSession(nanoseconds: UInt64, at moment: Instant) {
        let index = slot(at: moment)
        slots[index].sessions += 1
        slots[index].sessionTimes.record(nanoseconds: nanoseconds)
    }

    mutating func noteMessage(_ bytes: Int, nanoseconds: UInt64, at moment: Instant) {
        let index = slot(at: moment)
        slots[index].messages += 1
        slots[index].bytes += bytes
        slots[index].messageTimes.record(nanoseconds: nanoseconds)
    }

    mutating func noteFailure(at moment: Instant) { slots[slot(at: moment)].failures += 1 }

    /// Adds what another shard saw. The shards begin together, but for a moment that no slot tells.
    mutating func merge(_ other: TimeSeries) {
        var other = other
        while intervalNanoseconds < other.intervalNanoseconds { coarsen() }
        while other.intervalNanoseconds < intervalNanoseconds { other.coarsen() }
        lengthNanoseconds = max(lengthNanoseconds, other.lengthNanoseconds)
        for (index, slot) in other.slots.enumerated() {
            if index < slots.count { slots[index].merge(slot) } else { slots.append(slot) }
        }
    }

    private mutating func slot(at moment: Instant) -> Int {
        let elapsed = moment.nanoseconds(since: begin)
        lengthNanoseconds = max(lengthNanoseconds, elapsed)
        while elapsed / intervalNanoseconds >= UInt64(slotsLimit) { coarsen() }
        let index = Int(elapsed / intervalNanoseconds)
        while slots.count <= index { slots.append(Slot()) }
        return index
    }

    private mutating func coarsen() {
        let factor = nextFactor
        var coarse: [Slot] = []
        for (index, slot) in slots.enumerated() {
            if index % factor == 0 { coarse.append(slot) } else { coarse[coarse.count - 1].merge(slot) }
        }
        slots = coarse
        intervalNanoseconds *= UInt64(factor)
    }

    // MARK: As a table

    /// A line for each slot, with the names of the columns above them (RFC 4180, with LF).
    var csv: String {
        let header =
            "seconds,sessions,messages,bytes,failures,session_p50_ms,session_p99_ms,message_p50_ms,message_p99_ms\n"
        let lines = slots.enumerated().map { index, slot in
            let times = [slot.sessionTimes, slot.messageTimes].flatMap {
                [$0.milliseconds(0.5), $0.milliseconds(0.99)]
            }
            let values = [slot.sessions, slot.messages, slot.bytes, slot.failures].map { "\($0)" }
            let columns = ["\((Double(index) * intervalSeconds).rounded(toDigits: 1))"] + values
            return (columns + times.map { $0.map { "\($0)" } ?? "" }).joined(separator: ",") + "\n"
        }
        return header + lines.joined()
    }
}
