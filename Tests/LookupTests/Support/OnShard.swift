import Ring

/// Runs `body` on a shard of its own.
func onShard<Result: Sendable>(_ body: @escaping @Sendable (isolated Shard) async -> Result) async throws -> Result {
    let shard = try Shard()
    let thread = shard.start()
    let result = await shard.perform(body)
    await shard.stop()
    thread.join()
    return result
}
