import Ring

/// Shards on threads of their own; each runs one task, and all it spawns, to the end.
struct ShardGroup<Result: Sendable> {
    private let shards: [Shard]
    private let threads: [Thread]
    private let results: BlockingQueue<Result>

    /// Starts `count` shards and, on each, `body`, which returns when nothing of the shard's tasks is left.
    ///
    /// - Throws: `RingUnavailable`; nothing has been started then.
    init(
        _ count: Int, sizes: Ring.Sizes = Ring.Sizes(),
        _ body: @escaping @Sendable (isolated Shard) async -> Result
    ) throws(RingUnavailable) {
        var shards: [Shard] = []
        for number in 0..<count { shards.append(try Shard(number: number, sizes: sizes)) }
        let results = BlockingQueue<Result>(limit: count)
        threads = shards.map { $0.start() }
        for shard in shards {
            shard.post { shard in
                shard.spawn {
                    let result = await body(shard)
                    precondition(results.push(result))
                }
            }
        }
        self.shards = shards
        self.results = results
    }

    /// Blocks until every shard's task has ended, and ends the shards. Once. The results come in no particular order.
    func wait() -> [Result] {
        var all: [Result] = []
        while all.count < shards.count, let result = results.pop() { all.append(result) }
        for shard in shards { shard.post { $0.stop() } }
        for thread in threads { thread.join() }
        return all
    }
}
