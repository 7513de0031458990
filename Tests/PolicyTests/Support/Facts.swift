import Policy
import Ring
import Telemetry
import Wire

/// The facts of a session from 192.0.2.1:4711, or from where the test says.
func sessionFacts(from client: SocketAddress = SocketAddress(octets: [192, 0, 2, 1], port: 4711)) -> SessionFacts {
    SessionFacts(
        id: SessionID(shard: 0, time: UTCTime(unixMilliseconds: 0), counter: 0), listener: "mx", client: client,
        local: SocketAddress(octets: [198, 51, 100, 1], port: 25))
}

/// Runs `body` on a shard of its own.
func onShard<Result: Sendable>(_ body: @escaping @Sendable (isolated Shard) async -> Result) async throws -> Result {
    let shard = try Shard()
    let thread = shard.start()
    let result = await shard.perform(body)
    await shard.stop()
    thread.join()
    return result
}
