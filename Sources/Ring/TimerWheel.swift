/// Coarse deadlines for very many connections: three wheels of 256 buckets, the finest of 16.8 ms.
///
/// A timer is a deadline and whom to tell. Moving a deadline later, which every line of a dialogue does, is one
/// store: the bucket entry stays where it is and moves itself when its bucket comes round. A bucket entry is a name,
/// never a reference, so that a cancelled timer leaves nothing dangling. The wheel calls nobody: `advance` collects
/// what is due.
///
/// A deadline is never reported early and at most two ticks (34 ms) late, plus the length of the turn.
struct TimerWheel: ~Copyable {
    /// Nanoseconds of one tick, as a power of two.
    static let tickShift: UInt64 = 24
    private static let levels = 3
    private static let bucketBits: UInt64 = 8
    private static let buckets: UInt64 = 1 << bucketBits

    struct Timer {
        var deadline = Instant.never
        /// Level and number of the bucket that holds the timer's live entry; entries elsewhere are leftovers.
        fileprivate var place = Place.none
        unowned let target: any DeadlineTarget
    }

    /// One word, because every connection has a timer.
    struct Place: Equatable {
        private let bits: UInt64

        static let none = Place(bits: .max)
        private static let levelBits: UInt64 = 2

        private init(bits: UInt64) { self.bits = bits }

        init(level: Int, turn: UInt64) { bits = turn << Self.levelBits | UInt64(level) }

        var level: Int { Int(bits & (1 << Self.levelBits - 1)) }
        /// The bucket's time in units of its level; the bucket's index is its low bits.
        var turn: UInt64 { bits >> Self.levelBits }

        var index: Int { level << Int(TimerWheel.bucketBits) | Int(turn & (TimerWheel.buckets - 1)) }
        var firstTick: UInt64 { turn << (UInt64(level) * TimerWheel.bucketBits) }
    }

    private var timers = SlotTable<Timer>()
    private var entries: [[SlotID]] = .init(repeating: [], count: levels << Int(bucketBits))
    /// Entries in all buckets, leftovers included.
    private(set) var entryCount = 0
    /// Every bucket whose time is up to and including this tick has been handled.
    private var tick: UInt64
    /// The occupied bucket whose time comes first.
    private var next: Place?

    init(now: Instant) {
        tick = now.nanoseconds >> Self.tickShift
    }

    /// Timers that exist.
    var count: Int { timers.count }

    /// A timer without a deadline. `target` must outlive it, that is, remove it before it goes.
    mutating func add(_ target: any DeadlineTarget) -> SlotID {
        timers.insert(Timer(target: target))
    }

    mutating func remove(_ id: SlotID) {
        let removed = timers.remove(id)
        precondition(removed != nil, "timer removed twice")
        if entryCount > 2 * timers.count + Self.leftoversMax { sweep() }
    }

    /// Leftovers that are never worth a sweep.
    private static let leftoversMax = 1024

    /// Takes the leftovers out of all buckets. Deadlines are far away and connections short, so that leftovers would
    /// pile up until their time comes; after a sweep it takes as many removals as there are timers to make the next one
    /// due.
    private mutating func sweep() {
        entryCount = 0
        for index in entries.indices where !entries[index].isEmpty {
            entries[index] = entries[index].filter { id in
                guard let place = timers.value(id)?.place, place != .none else { return false }
                return place.index == index
            }
            entryCount += entries[index].count
        }
        next = firstOccupied()
    }

    mutating func setDeadline(_ deadline: Instant, of id: SlotID) {
        let place = timers.update(id) { timer in
            timer.deadline = deadline
            return timer.place
        }
        guard deadline != .never else { return }
        if place != .none, place.firstTick <= Self.tickAfter(deadline) { return }
        enter(id, dueAt: Self.tickAfter(deadline))
    }

    func deadline(of id: SlotID) -> Instant {
        timers.value(id)?.deadline ?? .never
    }

    /// When `advance` has something to do next; `never` where no bucket holds anything.
    func nextWakeUp() -> Instant {
        guard let next else { return .never }
        return Instant(nanoseconds: next.firstTick << Self.tickShift)
    }

    /// Moves the wheel to `now` and hands over the targets whose deadline has passed, each once: its deadline is then
    /// `never`.
    mutating func advance(to now: Instant, into due: inout [any DeadlineTarget]) {
        let current = now.nanoseconds >> Self.tickShift
        while let place = next, place.firstTick <= current {
            tick = place.firstTick - 1  // Another level's bucket may have the same time.
            var list: [SlotID] = []
            swap(&list, &entries[place.index])
            entryCount -= list.count
            for id in list { handle(id, in: place, now: now, &due) }
            next = firstOccupied()
        }
        tick = max(tick, current)
    }

    private mutating func handle(_ id: SlotID, in place: Place, now: Instant, _ due: inout [any DeadlineTarget]) {
        guard timers.contains(id) else { return }
        enum Fate { case leftover, due(any DeadlineTarget), later(UInt64) }
        let fate = timers.update(id) { timer -> Fate in
            guard timer.place == place else { return .leftover }
            timer.place = .none
            guard timer.deadline != .never else { return .leftover }
            guard timer.deadline <= now else { return .later(Self.tickAfter(timer.deadline)) }
            timer.deadline = .never
            return .due(timer.target)
        }
        switch fate {
        case .leftover: break
        case .due(let target): due.append(target)
        case .later(let dueTick): enter(id, dueAt: dueTick)
        }
    }

    /// The first tick that begins after `deadline`.
    private static func tickAfter(_ deadline: Instant) -> UInt64 {
        (deadline.nanoseconds >> tickShift) + 1
    }

    private mutating func enter(_ id: SlotID, dueAt dueTick: UInt64) {
        let dueTick = max(dueTick, tick + 1)
        var level = 0
        // The bucket of `tick` itself has been handled, so a whole turn of the wheel lies ahead. With one bucket
        // less, an entry that moves on in the tick before its coarse bucket's time could land in that very bucket
        // again.
        while level < Self.levels - 1, Self.distance(level, from: tick, to: dueTick) > Self.buckets { level += 1 }
        let shift = UInt64(level) * Self.bucketBits
        // Past the last wheel's range the entry waits in its farthest bucket and moves on from there.
        let turn = min(dueTick >> shift, (tick >> shift) + Self.buckets)
        let place = Place(level: level, turn: turn)
        timers.update(id) { $0.place = place }
        entries[place.index].append(id)
        entryCount += 1
        if next.map({ place.firstTick < $0.firstTick }) ?? true { next = place }
    }

    private static func distance(_ level: Int, from: UInt64, to: UInt64) -> UInt64 {
        let shift = UInt64(level) * bucketBits
        return (to >> shift) - (from >> shift)
    }

    private func firstOccupied() -> Place? {
        var first: Place?
        for level in 0..<Self.levels {
            let current = tick >> (UInt64(level) * Self.bucketBits)
            for ahead in 1...Self.buckets {
                let place = Place(level: level, turn: current + ahead)
                if let first, first.firstTick < place.firstTick { break }
                guard !entries[place.index].isEmpty else { continue }
                first = place
                break
            }
        }
        return first
    }
}

/// Whom a timer tells that its deadline has passed.
protocol DeadlineTarget: AnyObject {
    func deadlinePassed()
}
