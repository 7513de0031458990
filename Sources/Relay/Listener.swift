import Policy
public import Ring
public import TLS
public import Telemetry
import Wire

/// One listener on one shard: accepts, admits and keeps its sessions.
///
/// Not Sendable; lives on its shard.
public final class Listener {
    /// What new sessions get.
    private var context: ListenerContext
    private let limits: SessionLimits
    private let shardNumber: Int
    private var acceptors: [Acceptor] = []
    private var sessions = SlotTable<Session>()
    /// Clients that are being told that there is no room for them.
    private var turnedAway = 0
    /// The most sessions at once since memory was last given back.
    private var sessionsPeak = 0
    private let emptied: @Sendable () -> Void
    private var allEnded: [UnsafeContinuation<Void, Never>] = []
    private var isDraining = false
    /// The drain lets sessions be until its deadline.
    private var isGentle = false
    private let drainDeadline = Alarm()
    private var strangers = SeldomWarning("connection closed: it is from no network of proxy_protocol_trusted")
    private var crowd = SeldomWarning("client turned away: there are as many sessions as runtime.max_sessions allows")

    /// Sessions looked at in one turn.
    private static let drainSlice = 256
    /// Clients turned away with a reply at one time; more are closed without one. What these connections cost is set
    /// aside when `max_sessions` is made to fit the process's descriptors.
    private static let turnedAwayMax = 16
    /// Sessions at once from which on their memory is worth giving back to the system.
    private static let worthwhilePeak = 256

    /// - Parameters:
    ///   - pool: this shard's servers.
    ///   - policies: what decides about its sessions, on this shard.
    ///   - emptied: told when most of many sessions have ended, so that their memory can be given back. Must not block.
    /// - Throws: where the certificates cannot be used.
    public init(
        _ settings: ListenerSettings, on shard: isolated Shard, pool: UpstreamPool,
        policies: ListenerPolicies = ListenerPolicies(), limits: SessionLimits, counters: Counters, log: Log,
        emptied: @escaping @Sendable () -> Void = {}
    ) throws(TLSConfigurationError) {
        self.emptied = emptied
        context = try ListenerContext(settings, pool, policies, limits: limits, counters: counters, log: log)
        self.limits = limits
        shardNumber = shard.number
    }

    /// Gives new sessions other settings and servers. Those there are keep theirs.
    ///
    /// - Throws: where the certificates cannot be used; nothing has changed then.
    public func use(
        _ settings: ListenerSettings, pool: UpstreamPool, policies: ListenerPolicies = ListenerPolicies()
    ) throws(TLSConfigurationError) {
        context = try ListenerContext(
            settings, pool, policies, limits: limits, counters: context.counters, log: context.log)
    }

    /// Sessions that have not ended.
    public var sessionCount: Int { sessions.count }

    /// Accepts connections of `socket`.
    ///
    /// - Parameter place: where a connection is served: here, or handed to another shard. By default here.
    public func accept(
        from socket: ListeningSocket, on shard: isolated Shard, place: ((Int32) -> Void)? = nil
    ) {
        let name = context.settings.name
        let log = context.log
        let acceptor = Acceptor(shard.ring, socket) { descriptor in
            if let place { place(descriptor) } else { self.serve(descriptor, on: shard) }
        } paused: { errno in
            log.warning(
                "accepting pauses: \(systemErrorText(errno)); raise LimitNOFILE where descriptors are short",
                ["listener": name])
        }
        acceptors.append(acceptor)
        acceptor.start()
    }

    /// Serves a connected client, or turns it away where there are too many sessions.
    public func serve(_ descriptor: Int32, on shard: isolated Shard) {
        let client = Stream(shard.ring, descriptor: descriptor)
        context.counters.add(.downstreamCxTotal)
        // One that has been reset already has no address to judge it by.
        guard let peer = client.peerAddress else { return turnAway(client, saying: nil, nil, on: shard) }
        guard isTrusted(peer) else {
            strangers.note(peer.description, listener: context.settings.name, to: context.log, at: shard.ring.now)
            if !peer.isUnix { limits.visitors.refuse(AddressKey(peer)) }
            return turnAway(client, saying: nil, .sessionsProxyUntrusted, on: shard)
        }
        guard limits.take() else {
            crowd.note(peer.description, listener: context.settings.name, to: context.log, at: shard.ring.now)
            // Behind a proxy the peer is not the client.
            if !peer.isUnix, context.settings.proxyProtocol == nil { limits.visitors.refuse(AddressKey(peer)) }
            return turnAway(client, saying: .tooManySessions, .sessionsRefused, on: shard)
        }
        let now = UTCTime.now()
        let id = SessionID(shard: shardNumber, time: now, counter: limits.nextNumber())
        let record = SessionRecord(id: id, listener: context.settings.name, start: now, client: peer.description)
        let session: Session =
            context.settings.envelope == nil
            ? TunnelSession(client, from: peer, context, record) : EnvelopeSession(client, from: peer, context, record)
        let slot = sessions.insert(session)
        if isDraining, !isGentle { session.drain() }  // Another shard had accepted it before.
        sessionsPeak = max(sessionsPeak, sessions.count)
        context.counters.add(.sessions)
        context.counters.raise(.sessionsActive)
        // One task a session, and none after the hand-off.
        shard.spawn {
            if await session.converse() {
                session.passThrough {
                    session.closeAtRest()
                    self.ended(session, slot)
                }
            } else {
                await session.close()
                self.ended(session, slot)
            }
        }
    }

    /// False for a connection that is to begin with a PROXY header and comes from nobody who may send one. A peer on a
    /// Unix socket may: who can open that is decided by its owner and mode.
    private func isTrusted(_ peer: SocketAddress) -> Bool {
        guard let proxyProtocol = context.settings.proxyProtocol else { return true }
        return peer.isUnix || proxyProtocol.trusted.contains { peer.ipAddress.map($0.contains) ?? false }
    }

    private func ended(_ session: Session, _ slot: SlotID) {
        _ = sessions.remove(slot)
        limits.giveBack()
        if let place = session.place { limits.giveBack(place) }
        if let visit = session.visit { limits.visitors.end(visit) }
        let counters = session.context.counters
        counters.lower(.sessionsActive)
        counters.add(.downstreamRxBytes, session.client.bytesReceived)
        counters.add(.downstreamTxBytes, session.client.bytesSent)
        if let upstream = session.upstream {
            counters.add(.upstreamRxBytes, upstream.bytesReceived)
            counters.add(.upstreamTxBytes, upstream.bytesSent)
        }
        let milliseconds = session.milliseconds
        counters.add(.sessionDuration, nanoseconds: milliseconds &* 1_000_000)
        if context.log.logsSessions { context.log.write(session.finishedRecord(after: milliseconds)) }
        if sessionsPeak >= Self.worthwhilePeak, sessions.count <= sessionsPeak / 4 {
            sessionsPeak = sessions.count
            emptied()
        }
        noteEnd()
    }

    private var isEmpty: Bool { sessions.count == 0 && turnedAway == 0 }

    private func noteEnd() {
        guard isEmpty else { return }
        if isDraining { drainDeadline.turnOff() }
        let waiting = allEnded
        allEnded = []
        for continuation in waiting { continuation.resume() }
    }

    /// - Parameter reply: nil where the client gets none, for it expects TLS or is no client.
    private func turnAway(
        _ client: Stream, saying reply: LocalReply?, _ counter: Counter?, on shard: isolated Shard
    ) {
        if let counter { context.counters.add(counter) }
        let reply = turnedAway < Self.turnedAwayMax && !context.settings.isImplicitTLS ? reply : nil
        turnedAway += 1
        shard.spawn {
            if let reply {
                client.queue(reply.rendered(enhanced: true, sessionID: nil))
                await client.closeGracefully(within: DialogueLimits.farewellPatience)
            } else {
                await client.close()
            }
            self.turnedAway -= 1
            self.noteEnd()
        }
    }

    /// The oldest of the sessions there are, at most `limit`, and how many there are. In slices: others run meanwhile.
    public func oldestSessions(_ limit: Int) async -> (sessions: [SessionSummary], count: Int) {
        var oldest = Oldest<SlotID>(limit)
        let count = sessions.count
        for (index, slot) in sessions.ids().enumerated() {
            if let session = sessions.value(slot) { oldest.add(slot, start: session.record.start.unixMilliseconds) }
            if index % Self.drainSlice == Self.drainSlice - 1 { await Task.yield() }
        }
        return (oldest.take().compactMap { sessions.value($0).map(SessionSummary.init) }, count)
    }

    // MARK: The end

    /// Stops accepting. The sockets stay open: they are their binder's to close.
    public func stopAccepting() async {
        for acceptor in acceptors { await acceptor.stop() }
        acceptors = []
    }

    /// Lets sessions before the hand-off end with a 421, and the others run on until `deadline`; then ends these
    /// without a word. Once.
    ///
    /// - Parameter gently: those before the hand-off run on until `deadline`, too, and are told then.
    public func beginDrain(until deadline: Instant, gently: Bool = false, on shard: isolated Shard) {
        isDraining = true
        isGentle = gently
        guard !isEmpty else { return }
        shard.spawn {
            if gently { await self.drainDeadline.sleep(on: shard.ring, until: deadline) }
            await self.forEachSession { $0.drain() }
            let end = gently ? shard.ring.now + DialogueLimits.farewellPatience : deadline
            await self.drainDeadline.sleep(on: shard.ring, until: end)
            await self.forEachSession { $0.abort() }
        }
    }

    /// Returns when the last session has ended.
    public func drained() async {
        while !isEmpty { await withUnsafeContinuation { allEnded.append($0) } }
    }

    private func forEachSession(_ body: (Session) -> Void) async {
        for (index, slot) in sessions.ids().enumerated() {
            if let session = sessions.value(slot) { body(session) }
            if index % Self.drainSlice == Self.drainSlice - 1 { await Task.yield() }
        }
    }
}

extension Session {
    /// Since its beginning.
    fileprivate var milliseconds: UInt64 { ring.now.nanoseconds(since: start) / 1_000_000 }

    fileprivate func finishedRecord(after milliseconds: UInt64) -> SessionRecord {
        var record = record
        record.durationMilliseconds = Int64(clamping: milliseconds)
        record.bytesUpstream += upstream?.bytesSent ?? 0
        record.bytesDownstream = client.bytesSent
        return record
    }
}
