/// A set of small numbers, one bit each: which messages of a run were accepted, or have arrived.
struct NumberSet: Sendable, Equatable {
    private var words: [UInt64] = []
    private(set) var count = 0

    /// Numbers from here on are not taken: 2^30 messages, 128 MiB.
    static let limit: UInt64 = 1 << 30

    /// Adds a number; false where it is held already, or not taken.
    mutating func insert(_ number: UInt64) -> Bool {
        guard number < Self.limit else { return false }
        let (word, bit) = (Int(number / 64), UInt64(1) << (number % 64))
        if word >= words.count {
            words += [UInt64](repeating: 0, count: max(word + 1, 2 * words.count) - words.count)
        }
        guard words[word] & bit == 0 else { return false }
        words[word] |= bit
        count += 1
        return true
    }

    /// Adds all numbers of another set; returns how many of them are held already.
    mutating func formUnion(_ other: NumberSet) -> Int {
        if other.words.count > words.count {
            words += [UInt64](repeating: 0, count: other.words.count - words.count)
        }
        var common = 0
        for (index, word) in other.words.enumerated() {
            common += (words[index] & word).nonzeroBitCount
            words[index] |= word
        }
        count += other.count - common
        return common
    }

    /// How many numbers of this set the other one lacks.
    func missing(in other: NumberSet) -> Int {
        words.enumerated().reduce(0) { missing, entry in
            let theirs = entry.offset < other.words.count ? other.words[entry.offset] : 0
            return missing + (entry.element & ~theirs).nonzeroBitCount
        }
    }
}
