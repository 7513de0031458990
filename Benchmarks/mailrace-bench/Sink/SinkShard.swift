import Ring
import TLS

/// The sessions of one shard of a sink, and what they have seen.
final class SinkShard {
    let ring: Ring
    let settings: SinkSettings
    /// Present where STARTTLS is offered.
    let tls: TLSServerContext?
    let store: MessageStore?
    let journal: ArrivalJournal?
    var report = SinkReport()

    private var streams: [ObjectIdentifier: Stream] = [:]
    private var isEnding = false
    private var allGone: UnsafeContinuation<Void, Never>?

    /// How long a client may be silent, or take nothing (RFC 5321 section 4.5.3.2.7).
    private static let silenceLimit = Duration.seconds(300)
    /// How long a client may take to close after the last reply.
    private static let farewellLimit = Duration.seconds(5)

    init(
        _ ring: Ring, _ settings: SinkSettings, tls: TLSServerContext?, _ store: MessageStore?,
        _ journal: ArrivalJournal?
    ) {
        self.ring = ring
        self.settings = settings
        self.tls = tls
        self.store = store
        self.journal = journal
    }

    /// When a session that does nothing from now on ends.
    var nextDeadline: Instant { isEnding ? ring.now : ring.now + Self.silenceLimit }

    /// One session, from the first byte to the last.
    func serve(_ descriptor: Int32) async {
        let stream = Stream(ring, descriptor: descriptor)
        report.sessions += 1
        streams[ObjectIdentifier(stream)] = stream
        await SinkSession(self, stream).run()
        await stream.closeGracefully(within: isEnding ? .zero : Self.farewellLimit)
        streams[ObjectIdentifier(stream)] = nil
        if streams.isEmpty { allGone.take()?.resume() }
    }

    /// Has every session end at once, and waits for it.
    func end() async {
        isEnding = true
        for stream in streams.values { stream.deadline = ring.now }
        if !streams.isEmpty { await withUnsafeContinuation { allGone = $0 } }
    }
}
