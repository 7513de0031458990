import Ring
import TLS
import Telemetry
import Wire

/// One client, as far as the depths do not differ: its arrival, TLS with either side, the way to an upstream, bytes
/// both ways once it is handed off, and its end. What is said before the hand-off is its subclass's.
///
/// `phase` tells where a session stands.
class Session {
    let client: Stream
    var identity: ClientIdentity
    var upstream: Stream?
    /// The server that `upstream` is connected to, or that is being connected. Held until that is closed.
    var server: UpstreamServer?
    /// The upstream has refused the client; it is closed and no part of the dialogue.
    var hasRefused = false
    let context: ListenerContext
    var record: SessionRecord
    /// `record.start` by the clock that nobody sets.
    let start: Instant
    /// Among the sessions of its address.
    var place: SessionLimits.Place?
    /// Among the sessions that are counted for people to look at.
    var visit: Visitors.Visit?
    /// Among those that wait for a connection to a server.
    var waitingPlace: WaitingLine.Place?

    /// Bytes go both ways: the pump that moves them.
    var pump: Pump?
    /// The session is to end at its next step, with a 421; set by a drain.
    var isDraining = false
    /// The session is to end at once, without a word; set when a drain's time is over.
    private(set) var isAborted = false
    /// The client greeted with HELO: replies carry no enhanced status codes.
    var usesHELO = false
    /// TLS with the upstream has failed, and the policy lets the session go on without.
    var doesWithoutUpstreamTLS = false
    /// What is expected of the client while the upstream is to answer.
    var watch = Watch.silentClient
    /// For what is written down.
    var credentials = CredentialFilter()
    /// When the client's command came that has no reply yet.
    var commandArrival: Instant?

    /// - Parameter peer: the other end of `client`.
    init(_ client: Stream, from peer: SocketAddress, _ context: ListenerContext, _ record: consuming SessionRecord) {
        self.client = client
        self.context = context
        self.record = record
        start = context.ring.now
        identity = ClientIdentity(source: peer)
    }

    /// The upstream that may speak and has to be listened to; `nil` before it is connected and after it has refused.
    var presentUpstream: Stream? { hasRefused ? nil : upstream }

    var settings: ListenerSettings { context.settings }
    var ring: Ring { context.ring }
    var pool: UpstreamPool { context.pool }
    /// The client is inside TLS.
    var isClientSecure: Bool { client.layer != nil }

    var phase: SessionRecord.Phase {
        get { record.phase }
        set { record.phase = newValue }
    }

    /// How long the client may take for a command.
    var commandTimeout: Duration {
        let timeouts = settings.timeouts
        return context.limits.isStressed ? min(timeouts.command, timeouts.stressCommand) : timeouts.command
    }

    /// Carries the dialogue on to the hand-off, or to its end.
    ///
    /// - Returns: true where the session is handed off: `passThrough` follows.
    func converse() async -> Bool {
        preconditionFailure("a session of no depth")
    }

    /// Whether the server's certificate must be valid; nil: as the upstream's settings say.
    var verifiesUpstream: Bool? { nil }

    /// The servers to try.
    var candidates: UpstreamPool.Candidates { pool.candidates(for: identity) }

    /// Another server may do better. A 421 is for the client to see: it may be about that.
    func isWorthAnother(_ end: SessionEnd) -> Bool {
        end.endedBy == .upstream && end.end != .upstream421
    }

    /// Carries the dialogue with a server that has been connected on to where the client can be answered: reads its
    /// greeting. Until then another server may take its place.
    ///
    /// - Parameter mayDecline: there is another one to try.
    func beginDialogue(mayDecline: Bool) async throws(SessionEnd) -> Reply {
        let start = ring.now
        let greeting = try await nextReply(within: settings.timeouts.greeting)
        note(.upstreamGreeting, since: start)
        if greeting.isTransientFailure, mayDecline { throw .upstreamDeclined }
        if greeting.announcesClosing { throw .upstream421(greeting) }
        return greeting
    }

    /// Closes both connections, at the end of everything.
    func close() async {
        await closeUpstream()
        await client.close()
    }

    /// As `close`, after the pump, which leaves nothing in flight.
    func closeAtRest() {
        upstream?.closeAtRest()
        leaveServer()
        client.closeAtRest()
    }

    /// Ends the session as soon as it comes to rest: with a 421 before the hand-off. After it the session goes on.
    func drain() {
        isDraining = true
        guard pump == nil else { return }
        if phase == .connect {
            upstream?.deadline = ring.now
            server?.names.giveUp()
        }
        client.interrupt()
        upstream?.interrupt()
    }

    /// Ends the session without a word.
    func abort() {
        isAborted = true
        pump?.abort()
        let now = ring.now
        client.deadline = now
        upstream?.deadline = now
    }

    /// Counts how the session ends, and says goodbye.
    @inline(never)
    func end(_ end: SessionEnd) async {
        record.end = end.end
        record.endedBy = end.endedBy
        count(end)
        if end.end != .quit { await closeUpstream() }
        switch end.farewell {
        case .silence: return
        case .own(let reply): say(render(reply))
        case .relayed(let reply): say(reply.bytes)
        }
        noteReply()
        await client.closeGracefully(within: DialogueLimits.farewellPatience)
        if end.end == .quit { await leaveUpstream() }
    }

    /// Counts what has gone wrong.
    func count(_ end: SessionEnd) {
        if let counter = end.counter { context.counters.add(counter) }
        if end.endedBy == .upstream { context.counters.add(.upstreamFailures, reason: end.end.rawValue) }
        blameServer(for: end)
        if end.isWithoutServer { context.counters.add(.downstreamCxNoRoute) }
    }

    /// The last words to the client.
    private func say(_ reply: [UInt8]) {
        transcribe(with: .client, .server, reply)
        client.queue(reply)
    }

    /// Takes leave of an upstream that waits for a command.
    private func leaveUpstream() async {
        guard let upstream = presentUpstream else { return }
        let quit = Array("QUIT\r\n".utf8)
        transcribe(with: .upstream, .client, quit)
        upstream.queue(quit)
        await upstream.closeGracefully(within: DialogueLimits.farewellPatience)
    }

    func render(_ reply: LocalReply) -> [UInt8] {
        reply.rendered(enhanced: !usesHELO, sessionID: record.id.description)
    }
}
