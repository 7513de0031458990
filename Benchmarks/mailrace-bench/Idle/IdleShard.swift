import Ring

/// One shard's part of an idle run. Between opening and ending, a session has no task: only its connection.
final class IdleShard {
    private let number: Int
    private let client: ClientShard
    private let settings: IdleSettings
    private var clients: [SMTPClient] = []
    private var begun = 0
    private var messagesBegun = 0
    private(set) var report = IdleReport()

    init(_ number: Int, _ client: ClientShard, _ settings: IdleSettings) {
        self.number = number
        self.client = client
        self.settings = settings
    }

    /// Opens this shard's share of the sessions.
    func open(on shard: isolated Shard) async {
        let share = Workers.share(settings.sessions, of: number, settings.client.shards)
        await workers.run(on: shard) {
            while self.begun < share {
                let next = self.begun * self.settings.client.shards + self.number
                self.begun += 1
                await self.openOne(next)
            }
        }
    }

    /// Ends them, each after a message if the settings say so.
    func end(on shard: isolated Shard) async {
        await workers.run(on: shard) {
            while let client = self.clients.popLast() { await self.endOne(client) }
        }
    }

    private var workers: Workers {
        Workers(max(1, Workers.share(settings.concurrency, of: number, settings.client.shards)))
    }

    private func openOne(_ number: Int) async {
        do throws(SessionFailure) {
            let client = try await client.open(number, isTimed: false)
            client.rest()
            clients.append(client)
            report.opened += 1
        } catch {
            report.failures.note(error)
        }
    }

    private func endOne(_ session: SMTPClient) async {
        do throws(SessionFailure) {
            if settings.delivers {
                let message = messagesBegun * settings.client.shards + number
                messagesBegun += 1
                try await client.deliver(UInt64(message), session)
                report.delivered += 1
            }
            try await session.command("QUIT", .quit)
            report.ended += 1
            await session.close()
        } catch {
            report.failures.note(error)
            await session.abandon()
        }
    }
}
