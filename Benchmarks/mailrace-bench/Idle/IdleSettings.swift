/// What an idle run does. One value for all its shards.
struct IdleSettings: Sendable {
    var client = ClientSettings()
    /// How many sessions are held open together.
    var sessions = 1_000
    /// How many are opened, and ended, at once.
    var concurrency = 100
    /// How long they are held once all are open.
    var hold = Duration.seconds(1)
    /// Whether each then delivers a message.
    var delivers = false
    /// The process whose memory is looked at.
    var pid: Int?
}
