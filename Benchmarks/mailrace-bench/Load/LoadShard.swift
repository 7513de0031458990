import Ring

/// One shard's part of a load run: its share of the sessions, a number of them at once.
final class LoadShard {
    let client: ClientShard
    let settings: LoadSettings
    var report = LoadReport()

    private let number: Int
    private let begin: Instant
    private let end: Instant
    private let sessionsLimit: Int

    /// - Parameter number: of the shard; it takes every session whose number leaves this remainder.
    init(_ number: Int, _ client: ClientShard, _ settings: LoadSettings) {
        self.number = number
        self.client = client
        self.settings = settings
        begin = client.ring.now
        end = settings.duration.map { client.ring.now + $0 } ?? .never
        sessionsLimit = settings.duration == nil ? settings.sessions : .max
    }

    /// Runs all sessions and says how they went.
    func run(on shard: isolated Shard) async -> LoadReport {
        let workers = Workers(Workers.share(settings.concurrency, of: number, settings.client.shards))
        await workers.run(on: shard) {
            while let number = self.nextSession() {
                await self.waitForTurn(of: number)
                await LoadSession(self, number).run()
            }
        }
        return report
    }

    /// Keeps the rate. Late sessions begin at once, so that the mean is kept where the target can keep up.
    private func waitForTurn(of number: Int) async {
        guard let rate = settings.rate else { return }
        let turn = begin + .nanoseconds(Int64(number) * 1_000_000_000 / Int64(rate))
        if client.ring.now < turn { await client.ring.sleep(until: turn) }
    }

    private func nextSession() -> Int? {
        let next = number + report.sessionsBegun * settings.client.shards
        guard next < sessionsLimit, client.ring.now < end else { return nil }
        report.sessionsBegun += 1
        return next
    }
}
