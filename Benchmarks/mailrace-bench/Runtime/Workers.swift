import Ring

/// Tasks of one shard that do the same side by side.
final class Workers {
    private let count: Int
    private var left = 0
    private var allDone: UnsafeContinuation<Void, Never>?

    init(_ count: Int) { self.count = count }

    /// Starts all of them with `work` and waits until all have returned.
    func run(on shard: isolated Shard, _ work: nonisolated(nonsending) @escaping () async -> Void) async {
        left = count
        for _ in 0..<count {
            shard.spawn {
                await work()
                self.left -= 1
                if self.left == 0 { self.allDone.take()?.resume() }
            }
        }
        if left > 0 { await withUnsafeContinuation { allDone = $0 } }
    }

    /// The part of `total` that falls to one of `count` shards.
    static func share(_ total: Int, of number: Int, _ count: Int) -> Int {
        total / count + (number < total % count ? 1 : 0)
    }
}
