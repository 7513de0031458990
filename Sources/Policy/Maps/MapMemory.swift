import Ring

/// Answers by their keys, no more than a number of them: each new one takes the place of one that has not been looked
/// at lately. What is done at once does not depend on how many there are.
struct MapMemory {
    struct Entry {
        let answer: MapAnswer
        /// It is as good as asked for.
        var freshUntil: Instant
        /// It may be used where there is nothing better.
        let staleUntil: Instant
        /// It has outlived its time.
        var isStale = false

        init(_ answer: MapAnswer, _ freshUntil: Instant, _ staleUntil: Instant) {
            self.answer = answer
            self.freshUntil = freshUntil
            self.staleUntil = staleUntil
        }
    }

    private struct Slot {
        var key: MapKey
        var entry: Entry
        /// Looked at since the hand was here.
        var isUsed = false
    }

    private let entriesMax: Int
    private var slots: [Slot] = []
    private var places: [MapKey: Int] = [:]
    /// Where the next entry to go is looked for.
    private var hand = 0

    /// Slots that are looked at to find one that nobody uses.
    private static let looksMax = 16

    init(entriesMax: Int) {
        self.entriesMax = entriesMax
    }

    var count: Int { slots.count }

    subscript(key: MapKey) -> Entry? {
        mutating get {
            guard let place = places[key] else { return nil }
            slots[place].isUsed = true
            return slots[place].entry
        }
    }

    /// Keeps an entry in place of what there was; one that is over already is not kept.
    mutating func keep(_ entry: Entry, for key: MapKey, at now: Instant) {
        if let place = places[key] {
            slots[place].entry = entry
        } else if entry.staleUntil > now {
            let place = freePlace(at: now)
            let slot = Slot(key: key, entry: entry)
            if place < slots.count { slots[place] = slot } else { slots.append(slot) }
            places[key] = place
        }
    }

    private mutating func freePlace(at now: Instant) -> Int {
        guard slots.count >= entriesMax else { return slots.count }
        for _ in 0..<Self.looksMax where slots[hand].isUsed && slots[hand].entry.staleUntil > now {
            slots[hand].isUsed = false
            hand = (hand + 1) % slots.count
        }
        let place = hand
        hand = (hand + 1) % slots.count
        places[slots[place].key] = nil
        return place
    }
}
