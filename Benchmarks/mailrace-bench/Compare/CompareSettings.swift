import Ring

/// One of those that are compared.
struct ComparedTarget: Equatable, Sendable {
    let name: String
    let address: SocketAddress
    /// Its process; nil where its CPU time and memory cannot be looked at.
    let pid: Int?

    private static let nameLimit = 24

    /// From `ADDRESS:PORT`, `ADDRESS:PORT=NAME` or `ADDRESS:PORT=NAME,PID`.
    init(_ text: String) throws(UsageError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        address = try Values.address(String(parts[0]))
        guard parts.count == 2 else {
            name = "\(address)"
            pid = nil
            return
        }
        let words = parts[1].split(separator: ",", omittingEmptySubsequences: false)
        guard words.count <= 2, (1...Self.nameLimit).contains(words[0].count) else {
            throw UsageError("'\(parts[1])' is not a name of at most \(Self.nameLimit) characters, and a process")
        }
        name = String(words[0])
        pid = words.count == 2 ? try Values.count(String(words[1]), in: 1...Int(Int32.max)) : nil
    }
}

/// What a comparison does.
struct CompareSettings: Sendable {
    var targets: [ComparedTarget] = []
    /// What each target gets in each round.
    var load = LoadSettings()
    var rounds = 5
    /// The sink behind all targets; nil: what arrives is not looked at.
    var sink: SinkSettings?

    static let targetsLimit = 8
    static let roundsLimit = 30

    func validate() throws(UsageError) {
        try load.validate()
        guard (2...Self.targetsLimit).contains(targets.count) else {
            throw UsageError("--target is needed for each of 2 to \(Self.targetsLimit) targets")
        }
        guard Set(targets.map(\.name)).count == targets.count else { throw UsageError("two targets have one name") }
        // The sink keeps each run apart.
        precondition(Self.targetsLimit * Self.roundsLimit <= ArrivalLedger.runsLimit)
    }

    /// The order of a round: every other one is reversed, so that what drifts meets all alike.
    func order(of round: Int) -> [Int] {
        round.isMultiple(of: 2) ? Array(targets.indices) : targets.indices.reversed()
    }
}
