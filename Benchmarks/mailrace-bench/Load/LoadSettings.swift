/// What a load run does. One value for all its shards.
struct LoadSettings: Sendable {
    var client = ClientSettings()
    /// How many sessions in all, unless `duration` is given.
    var sessions = 1_000
    /// How long new sessions are begun.
    var duration: Duration?
    /// Sessions at once, over all shards.
    var concurrency = 10
    /// Sessions begun a second, at most; nil: as soon as one of those before has ended.
    var rate: Int?
    /// Messages a session.
    var messages = 1
    var pipelines = false
    /// A file in which sinks elsewhere have noted what arrived, read at the end.
    var journal: String?

    static let concurrencyLimit = 1_000_000

    /// In a few words.
    var summary: String {
        let pace = rate.map { ", \($0) a second" } ?? ""
        var words = ["\(concurrency) at once\(pace)", "\(messages) x \(client.bodyBytes) bytes each"]
        if client.startsTLS { words.append("STARTTLS") }
        if pipelines { words.append("pipelined") }
        return words.joined(separator: ", ")
    }
}
