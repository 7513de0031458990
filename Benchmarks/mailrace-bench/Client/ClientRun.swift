import CLinux
import Ring
import TLS

/// Clients on all their shards, from the beginning to the end of a run.
struct ClientRun<Report: Sendable> {
    /// Names the run in its messages' marks.
    let id: UInt64
    private let shards: ShardGroup<Report>

    /// Starts `body` on each shard.
    init(
        _ settings: ClientSettings, target: SocketAddress,
        _ body: @escaping @Sendable (isolated Shard, ClientShard) async -> Report
    ) throws(Unavailable) {
        var numbers = RandomNumbers(seed: settings.seed ^ linux_realtime_ns())
        let id = numbers.next()
        let text = MessageText(seed: settings.seed)
        do throws(TLSConfigurationError) {
            if let tls = settings.tls { _ = try TLSClientContext(tls) }
        } catch {
            throw Unavailable(error)
        }
        do throws(RingUnavailable) {
            shards = try ShardGroup(settings.shards) { shard in
                do throws(TLSConfigurationError) {
                    let client = try ClientShard(shard.ring, settings, target: target, run: id, text: text)
                    return await body(shard, client)
                } catch {
                    preconditionFailure("\(error), though it could be used a moment ago")
                }
            }
        } catch {
            throw Unavailable(error)
        }
        self.id = id
    }

    /// Blocks until all shards are done; their reports come in no particular order.
    func wait() -> [Report] { shards.wait() }
}
