/// What a load run does. One value for all its shards.
struct LoadSettings: Sendable {
    var client = ClientSettings()
    /// How many sessions in all, unless `duration` is given; those of the warm-up come before them.
    var sessions = 1_000
    /// How long new sessions are begun, from the end of the warm-up on.
    var duration: Duration?
    /// How long sessions and messages are checked, but not counted in the figures.
    var warmUp = Duration.zero
    /// How long it takes until the rate is reached or, where there is none, until all sessions at once have begun.
    var ramp = Duration.zero
    /// Sessions at once, over all shards.
    var concurrency = 10
    /// Sessions begun a second, at most; nil: as soon as one of those before has ended.
    var rate: Int?
    /// Messages begun a second, at most, over all sessions; nil: as soon as the one before has been answered.
    var messageRate: Int?
    /// Messages a session.
    var messages = 1
    /// Whether sessions go on until `duration` is over, however many messages that makes.
    var lasts = false
    var pipelines = false
    /// A file in which sinks elsewhere have noted what arrived, read at the end.
    var journal: String?

    static let concurrencyLimit = 1_000_000
    static let rateLimit = 1_000_000

    var sessionPace: Pace? { rate.map { Pace(rate: $0, ramp: ramp) } }
    var messagePace: Pace? { messageRate.map { Pace(rate: $0, ramp: ramp) } }

    /// In a few words.
    var summary: String {
        let pace = rate.map { ", \($0) a second" } ?? ""
        let count = lasts ? "lasting" : "\(messages)"
        var words = ["\(concurrency) at once\(pace)", "\(count) x \(client.sizes) bytes each"]
        if let messageRate { words.append("\(messageRate) messages a second") }
        words += client.words
        if pipelines { words.append("pipelined") }
        return words.joined(separator: ", ")
    }

    func validate() throws(UsageError) {
        try client.validate()
        guard !lasts || duration != nil else { throw UsageError("--lasting needs --duration") }
        guard rate == nil || messageRate == nil else {
            throw UsageError("--rate and --message-rate exclude each other")
        }
        let (product, overflow) = sessions.multipliedReportingOverflow(by: messages)
        guard lasts || !overflow && product <= NumberSet.limit else {
            throw UsageError("more than \(NumberSet.limit) messages cannot be told apart")
        }
    }
}
