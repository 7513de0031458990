import Ring
import TLS

/// A sink that runs on shards of its own.
struct SinkServer {
    /// The address it listens on.
    let address: SocketAddress
    private let shards: ShardGroup<SinkReport>
    private let sockets: [ListeningSocket]
    private let ending: Latch
    private let waiting: Offload
    private let store: MessageStore?
    private let journal: ArrivalJournal?

    init(_ settings: SinkSettings) throws(Unavailable) {
        let store = settings.directory.map { MessageStore($0) }
        let tls = try settings.identity.tls()
        if let store, !store.isWritable { throw Unavailable("\(store.directory): cannot be written to") }
        let journal = try settings.journal.map { path throws(Unavailable) in try ArrivalJournal(appendingTo: path) }
        let sockets = try Self.bind(settings)
        let ending = Latch()
        let waiting = Offload(threads: settings.shards)
        do throws(RingUnavailable) {
            shards = try ShardGroup(settings.shards, sizes: Self.ringSizes) { shard in
                let sink = SinkShard(shard.ring, shard.number, settings, tls: Self.context(tls), store, journal)
                let acceptor = Acceptor(
                    shard.ring, sockets[shard.number],
                    accepted: { descriptor in shard.spawn { await sink.serve(descriptor) } },
                    paused: { Terminal.writeError("sink: accepting pauses: \(systemErrorText($0))\n") })
                acceptor.start()
                // Refused only once the pool is closed, which is after this.
                _ = try? await waiting.run { ending.wait() }
                await acceptor.stop()
                await sink.end()
                return sink.report
            }
        } catch {
            throw Unavailable(error)
        }
        address = sockets[0].address
        self.sockets = sockets
        self.ending = ending
        self.waiting = waiting
        self.store = store
        self.journal = journal
    }

    /// Large receive buffers: what a sink receives is mail, and its memory is nobody's concern.
    private static let ringSizes = Ring.Sizes(
        submissions: 1_024, completions: 16_384, receiveBuffers: 128, receiveBufferBytes: 65_536)

    /// Each shard's own, from what has been seen to be usable.
    private static func context(_ tls: TLSServerConfiguration?) -> TLSServerContext? {
        do throws(TLSConfigurationError) {
            return try tls.map { configuration throws(TLSConfigurationError) in try TLSServerContext(configuration) }
        } catch {
            preconditionFailure("\(error), though it could be used a moment ago")
        }
    }

    /// One socket a shard; the kernel spreads connections over them.
    private static func bind(_ settings: SinkSettings) throws(Unavailable) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        do throws(ListeningSocket.Failure) {
            for _ in 0..<settings.shards {
                let address = sockets.first?.address ?? settings.address
                sockets.append(try ListeningSocket.bind(address, sharesPort: settings.shards > 1))
            }
        } catch {
            throw Unavailable(error.description)
        }
        return sockets
    }

    /// Ends all sessions at once, blocks until they are gone, and says what was seen. Once.
    func finish() -> SinkReport {
        ending.open()
        var report = SinkReport()
        for part in shards.wait() { report.merge(part) }
        waiting.close()
        store?.close()
        journal?.close()
        for socket in sockets { socket.close() }
        return report
    }
}
