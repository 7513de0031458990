import Ring

/// What a load run does. One value for all its shards.
struct LoadSettings: Sendable {
    var target: SocketAddress?
    /// How many sessions in all, unless `duration` is given.
    var sessions = 1_000
    /// How long new sessions are begun.
    var duration: Duration?
    /// Sessions at once, over all shards.
    var concurrency = 10
    /// Messages a session.
    var messages = 1
    /// Bytes of each message's body.
    var bodyBytes = 4_096
    var pipelines = false
    var shards = 1
    /// How long each step of a session may take.
    var timeout = Duration.seconds(30)
    /// The same seed makes the same bodies.
    var seed: UInt64 = 1
    var helo = "client.example"
    var sender = "sender@bench.example"
    var recipient = "recipient@bench.example"

    static let concurrencyLimit = 1_000_000
}
