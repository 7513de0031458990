/// What a load run does. One value for all its shards.
struct LoadSettings: Sendable {
    var client = ClientSettings()
    /// How many sessions in all, unless `duration` is given.
    var sessions = 1_000
    /// How long new sessions are begun.
    var duration: Duration?
    /// Sessions at once, over all shards.
    var concurrency = 10
    /// Messages a session.
    var messages = 1
    var pipelines = false

    static let concurrencyLimit = 1_000_000

    /// In a few words.
    var summary: String {
        var words = ["\(concurrency) at once", "\(messages) x \(client.bodyBytes) bytes each"]
        if client.startsTLS { words.append("STARTTLS") }
        if pipelines { words.append("pipelined") }
        return words.joined(separator: ", ")
    }
}
