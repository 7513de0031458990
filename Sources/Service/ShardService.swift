import Relay
import Ring
import Telemetry

/// What one shard of the server does: its part of every listener.
///
/// Not Sendable; lives on its shard.
final class ShardService {
    private var listeners: [TunnelListener] = []

    /// The shard's part of a listener.
    struct Part: Sendable {
        let settings: TunnelSettings
        let counters: Counters
        /// Sockets of this shard alone: what they accept is served here.
        let ownSockets: [ListeningSocket]
        /// Sockets that all shards accept from: what they accept is shared out.
        let sharedSockets: [ListeningSocket]
    }

    /// Makes the shard's part of each listener. The certificates have been tried before.
    func prepare(
        _ parts: [Part], on shard: isolated Shard, limit: SessionLimit, log: Log,
        emptied: @escaping @Sendable () -> Void
    ) {
        listeners = parts.map { part in
            guard
                let listener = try? TunnelListener(
                    part.settings, on: shard, limit: limit, counters: part.counters, log: log, emptied: emptied)
            else { preconditionFailure("certificates that were usable a moment ago are not") }
            return listener
        }
    }

    /// Begins to accept. Every shard has been prepared by then: `place` may choose any of them.
    func accept(
        _ parts: [Part], on shard: isolated Shard, place: @escaping (_ listener: Int, _ descriptor: Int32) -> Void
    ) {
        for (index, part) in parts.enumerated() {
            for socket in part.ownSockets { listeners[index].accept(from: socket, on: shard) }
            for socket in part.sharedSockets { listeners[index].accept(from: socket, on: shard) { place(index, $0) } }
        }
    }

    /// Serves a connection that another shard has accepted.
    func serve(_ descriptor: Int32, listener index: Int, on shard: isolated Shard) {
        listeners[index].serve(descriptor, on: shard)
    }

    /// Stops accepting on all listeners.
    func stopAccepting() async {
        for listener in listeners { await listener.stopAccepting() }
    }

    /// Ends all sessions, at the latest soon after `deadline`.
    func drain(until deadline: Instant, on shard: isolated Shard) async {
        for listener in listeners { listener.beginDrain(until: deadline, on: shard) }
        for listener in listeners { await listener.drained() }
    }
}
