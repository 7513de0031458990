import Ring

/// One shard's part of a load run: its share of the sessions, a number of them at once.
final class LoadShard {
    let client: ClientShard
    let settings: LoadSettings
    var report = LoadReport()

    private let number: Int
    private let end: Instant
    private let sessionsLimit: Int

    /// - Parameter number: of the shard; it takes every session whose number leaves this remainder.
    init(_ number: Int, _ client: ClientShard, _ settings: LoadSettings) {
        self.number = number
        self.client = client
        self.settings = settings
        end = settings.duration.map { client.ring.now + $0 } ?? .never
        sessionsLimit = settings.duration == nil ? settings.sessions : .max
    }

    /// Runs all sessions and says how they went.
    func run(on shard: isolated Shard) async -> LoadReport {
        let workers = Workers(Workers.share(settings.concurrency, of: number, settings.client.shards))
        await workers.run(on: shard) {
            while let number = self.nextSession() { await LoadSession(self, number).run() }
        }
        return report
    }

    private func nextSession() -> Int? {
        let next = number + report.sessionsBegun * settings.client.shards
        guard next < sessionsLimit, client.ring.now < end else { return nil }
        report.sessionsBegun += 1
        return next
    }
}
