import Ring

/// One shard's part of a load run: its share of the sessions, a number of them at once.
final class LoadShard {
    let ring: Ring
    let settings: LoadSettings
    let target: SocketAddress
    let content: MessageContent
    var report = LoadReport()
    /// Where the pieces of messages are put together. Never used across an await.
    var piece: [UInt8] = []

    private let number: Int
    private let end: Instant
    private let sessionsLimit: Int
    private var workers = 0
    private var allDone: UnsafeContinuation<Void, Never>?

    /// - Parameter number: of the shard; it takes every session whose number leaves this remainder.
    init(_ number: Int, _ ring: Ring, _ settings: LoadSettings, target: SocketAddress, content: MessageContent) {
        self.number = number
        self.ring = ring
        self.settings = settings
        self.target = target
        self.content = content
        end = settings.duration.map { ring.now + $0 } ?? .never
        sessionsLimit = settings.duration == nil ? settings.sessions : .max
    }

    /// Runs all sessions and says how they went.
    func run(on shard: isolated Shard) async -> LoadReport {
        workers = Self.share(settings.concurrency, of: number, settings.shards)
        for _ in 0..<workers {
            shard.spawn {
                await self.work()
                self.workers -= 1
                if self.workers == 0 { self.allDone.take()?.resume() }
            }
        }
        if workers > 0 { await withUnsafeContinuation { allDone = $0 } }
        return report
    }

    private func work() async {
        while let number = nextSession() {
            await LoadSession(self, number).run()
        }
    }

    private func nextSession() -> Int? {
        let next = number + report.sessionsBegun * settings.shards
        guard next < sessionsLimit, ring.now < end else { return nil }
        report.sessionsBegun += 1
        return next
    }

    private static func share(_ total: Int, of number: Int, _ shards: Int) -> Int {
        total / shards + (number < total % shards ? 1 : 0)
    }
}
