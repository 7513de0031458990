/// Which messages of which runs have arrived, and how many came again.
struct ArrivalLedger: Sendable {
    private(set) var runs: [UInt64: NumberSet] = [:]
    private(set) var duplicates = 0

    /// Runs kept apart; the messages of further ones are not looked at for duplicates.
    static let runsLimit = 256

    /// Notes an intact message.
    mutating func note(_ mark: MessageMark) { note(run: mark.run, number: mark.number) }

    /// Notes a message by its run and its number within it.
    mutating func note(run: UInt64, number: UInt64) {
        guard number < NumberSet.limit, runs[run] != nil || runs.count < Self.runsLimit else { return }
        if !runs[run, default: NumberSet()].insert(number) { duplicates += 1 }
    }

    /// Adds what another shard has noted.
    mutating func merge(_ other: ArrivalLedger) {
        duplicates += other.duplicates
        for (run, numbers) in other.runs where runs[run] != nil || runs.count < Self.runsLimit {
            duplicates += runs[run, default: NumberSet()].formUnion(numbers)
        }
    }
}
