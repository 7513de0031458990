import CLinux
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
    /// Which of the cases meet what goes wrong in a share of them.
    private var numbers: RandomNumbers

    private var streams: [ObjectIdentifier: Stream] = [:]
    private(set) var isEnding = false
    private var allGone: UnsafeContinuation<Void, Never>?

    /// How long a client may be silent, or take nothing (RFC 5321 section 4.5.3.2.7).
    private static let silenceLimit = Duration.seconds(300)
    /// How long a client may take to close after the last reply.
    private static let farewellLimit = Duration.seconds(5)

    init(
        _ ring: Ring, _ number: Int, _ settings: SinkSettings, tls: TLSServerContext?, _ store: MessageStore?,
        _ journal: ArrivalJournal?
    ) {
        self.ring = ring
        numbers = RandomNumbers(seed: UInt64(number))
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
        switch await SinkSession(self, stream).run() {
        case .close:
            await stream.closeGracefully(within: isEnding ? .zero : Self.farewellLimit)
        case .reset:
            _ = linux_reset_on_close(descriptor)
            await stream.close()
        }
        streams[ObjectIdentifier(stream)] = nil
        if streams.isEmpty { allGone.take()?.resume() }
    }

    /// What the next case at a phase meets.
    func meet(_ phase: Fault.Phase) -> SinkFaults.Case { settings.faults.meet(phase, &numbers) }

    /// Has every session end at once, and waits for it.
    func end() async {
        isEnding = true
        for stream in streams.values { stream.deadline = ring.now }
        if !streams.isEmpty { await withUnsafeContinuation { allGone = $0 } }
    }
}
