import Glibc
import Lookup
import TLS
import Telemetry
import TestSupport
import Testing

@testable import Relay
@testable import Ring

/// The kernel features the suites run with: all there are, or the baseline where MAILRACE_IO_URING_FEATURES=6.1.
let allowedFeatures: RingFeatures =
    getenv("MAILRACE_IO_URING_FEATURES").map { String(cString: $0) } == "6.1" ? .kernel61 : RingFeatures(rawValue: .max)

/// The processor is emulated (MAILRACE_EMULATED): no turn is as short there as it is meant to be.
let isEmulated = getenv("MAILRACE_EMULATED") != nil

/// What a test asks of its listener.
struct Setup: Sendable {
    var listener = ListenerSettings(name: "mx")
    /// Without servers it has the relay's own scripted one.
    var upstream = UpstreamSettings(name: "backend", servers: [])
    var limits = SessionLimits.Values(sessionsMax: 10_000)
    var resolver = ResolverConfiguration()
    /// Where the relay listens.
    var address = SocketAddress.loopback(port: 0)
    var logLevel = Log.Level.debug
    /// What decides about the sessions; made on the shard.
    var policies: @Sendable (Ring) -> ListenerPolicies = { _ in ListenerPolicies() }

    /// Who knows the host names of clients; nil: nobody is asked.
    var names: (@Sendable (Ring) -> HostNames.Question)?

    init(_ starttls: ListenerSettings.StartTLSPolicy = .offer, _ change: (inout Setup) -> Void = { _ in }) {
        listener.starttls = starttls
        if starttls != .off {
            listener.tls = .test
            listener.ehlo.beforeTLS = .inject
        }
        upstream.balance = .first
        upstream.health.probe = .off
        change(&self)
    }

    var timeouts: ListenerSettings.Timeouts {
        get { listener.timeouts }
        set { listener.timeouts = newValue }
    }

    mutating func use(_ servers: [SocketAddress]) {
        upstream.servers = servers.map { .socket($0) }
    }
}

/// A listener at tunnel depth on a shard of its own, in front of a scripted upstream. The test plays both the clients
/// and the upstream, on its own thread.
final class TestRelay {
    let shard: Shard
    let server: LoopbackServer
    let counters = Counters()
    let limits: SessionLimits
    let tallies: [ServerTally]
    let log: LogPipe
    let address: SocketAddress
    private let thread: Thread
    private let socket: ListeningSocket
    /// Timers of what lives as long as the relay.
    private var timersKept = 0
    private let hosted: Pinned<Hosted>
    private var peers: [Peer] = []
    private var clientsMade: UInt64 = 0
    private var isAccepting = true

    private final class Hosted {
        var listener: Listener?
        var pool: UpstreamPool?
        var resolver: Resolver?
    }

    /// - Parameter other: with which it shares the upstream, as another shard of one process does.
    init(_ setup: Setup, beside other: TestRelay? = nil) throws {
        shard = try Shard(number: other == nil ? 0 : 1, allowing: allowedFeatures)
        server = try other?.server ?? LoopbackServer()
        limits = SessionLimits(setup.limits)
        log = try LogPipe(level: setup.logLevel)
        socket = try ListeningSocket.bind(setup.address, sharesPort: false)
        address = socket.address
        thread = shard.start()
        hosted = Pinned(Hosted(), to: shard)
        var upstream = setup.upstream
        if upstream.servers.isEmpty { upstream.servers = [.socket(server.address)] }
        tallies =
            other?.tallies ?? upstream.servers.map { ServerTally(upstream: upstream.name, server: $0.description) }
        shard.sync { [hosted, limits, counters, socket, tallies, upstream, log = log.log] shard in
            let hosted = hosted.reached(on: shard)
            var policies = setup.policies(shard.ring)
            if let names = setup.names { policies.hostNames = HostNames(on: shard, names(shard.ring)) }
            guard let resolver = try? Resolver(shard.ring, setup.resolver),
                let pool = try? UpstreamPool(upstream, on: shard, resolver: resolver, tallies: tallies, log: log),
                let listener = try? Listener(
                    setup.listener, on: shard, pool: pool, policies: policies, limits: limits,
                    counters: counters, log: log)
            else { preconditionFailure("the test's settings cannot be used") }
            hosted.resolver = resolver
            hosted.pool = pool
            hosted.listener = listener
            listener.accept(from: socket, on: shard)
        }
        timersKept = shard.sync { $0.ring.timers.count }
        shard.sync { [hosted] in hosted.reached(on: $0).pool?.start(on: $0) }
    }

    // MARK: The test's roles

    /// A new client.
    func client(windowBytes: Int32? = nil) throws -> Peer {
        let client = remembered(try Peer(port: address.port, windowBytes: windowBytes))
        clientsMade += 1
        return client
    }

    /// A new client, through a proxy that sends this first.
    func client(behind header: [UInt8]) throws -> Peer {
        let client = try client()
        try client.sendRaw(header)
        return client
    }

    /// The relay's next connection to the upstream.
    func upstream() throws -> Peer {
        remembered(try server.accept())
    }

    func remembered(_ peer: Peer) -> Peer {
        peers.append(peer)
        return peer
    }

    /// Lets the shard take in and answer what has been sent to it.
    ///
    /// Where the machine is busy the kernel delivers some of it later: clients that have connected are there once they
    /// are counted, bytes once they are acknowledged, unless nobody reads them.
    func settle() {
        let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
        while self[.downstreamCxTotal] < clientsMade, Instant.current() < deadline { shard.sync { _ in } }
        // An acknowledgement that nothing carries takes 40 ms.
        let enough = Instant.current() + .milliseconds(60)
        var turns = 0
        while turns < 100 || Instant.current() < enough, peers.contains(where: \.hasBytesUnderway) {
            shard.sync { _ in }
            turns += 1
        }
        for _ in 0..<3 { shard.sync { _ in } }
    }

    // MARK: What happened

    subscript(_ counter: Counter) -> UInt64 { counters.value(of: counter) }

    /// All counters that have moved.
    var movedCounters: [Counter: UInt64] {
        Dictionary(uniqueKeysWithValues: Counter.allCases.map { ($0, self[$0]) }).filter { $0.value > 0 }
    }

    /// The record of the session that ends next.
    func record() throws -> LoggedSession { try log.session() }

    var sessionCount: Int {
        shard.sync { [hosted] in hosted.reached(on: $0).listener?.sessionCount ?? 0 }
    }

    /// As an administrator is shown them.
    func oldestSessions(_ limit: Int) -> (sessions: [SessionSummary], count: Int) {
        shard.syncTask { [hosted] shard in
            await hosted.reached(on: shard).listener?.oldestSessions(limit) ?? ([], 0)
        }
    }

    // MARK: The end

    func beginDrain(deadline: Duration) {
        shard.sync { [hosted] shard in
            hosted.reached(on: shard).listener?.beginDrain(until: shard.ring.now + deadline, on: shard)
        }
    }

    func stopAccepting() {
        shard.syncTask { [hosted] shard in
            await hosted.reached(on: shard).listener?.stopAccepting()
        }
    }

    /// Waits until the drain has ended the last session.
    func drained() {
        shard.syncTask { [hosted] shard in
            await hosted.reached(on: shard).listener?.drained()
        }
    }

    /// What the shard still holds. Nothing, once all sessions have ended.
    struct Remains: Equatable, Sendable, CustomStringConvertible {
        var sessions = 0
        var tasks = 0
        /// Apart from those that accept connections and wait for other threads.
        var operations = 0
        var timers = 0
        var buffers = 0
        var heldBytes = 0

        var description: String {
            "\(sessions) sessions, \(tasks) tasks, \(operations) operations, \(timers) timers, "
                + "\(buffers) buffers, \(heldBytes) bytes held"
        }
    }

    var remains: Remains {
        let permanent = isAccepting ? 2 : 1
        return shard.sync { [hosted, timersKept] shard in
            let ring = shard.ring
            return Remains(
                sessions: hosted.reached(on: shard).listener?.sessionCount ?? 0, tasks: shard.liveTasks,
                operations: ring.operationsInFlight - permanent, timers: ring.timers.count - timersKept,
                buffers: ring.buffers.held,
                heldBytes: ring.heldBytes)
        }
    }

    /// Hangs up for everybody and waits until nothing is left of any session.
    func clear() throws {
        for peer in peers { peer.close() }
        peers = []
        let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
        while remains != Remains() {
            guard Instant.current() < deadline else { throw Peer.Failure(description: "left over: \(remains)") }
            sched_yield()
        }
    }

    /// The servers are no longer part of the configuration; the sessions there are keep them.
    func retirePool() {
        shard.syncTask { [hosted] in await hosted.reached(on: $0).pool?.stop() }
    }

    fileprivate func finish() throws {
        stopAccepting()
        isAccepting = false
        retirePool()
        try clear()
        shard.sync { [hosted] in hosted.reached(on: $0).resolver?.close() }
        for tally in tallies {
            #expect(tally.connections == 0)
        }
        for gauge in Gauge.allCases { #expect(counters.value(of: gauge) == 0, "\(gauge)") }
        #expect(limits.sessions == 0)
        shard.sync { [hosted] shard in
            let hosted = hosted.reached(on: shard)
            (hosted.listener, hosted.pool, hosted.resolver) = (nil, nil, nil)
            shard.stop()
        }
        thread.join()
        socket.close()
        log.log.close()
    }
}

/// Runs a test against a relay, and checks afterwards that nothing is left of its sessions.
func withRelay(
    _ setup: Setup = Setup(), beside other: TestRelay? = nil, _ body: (TestRelay) throws -> Void
) throws {
    let relay = try TestRelay(setup, beside: other)
    do {
        try body(relay)
        try relay.finish()
    } catch {
        // What has failed in the midst of it stays as it is: taken down half-way, it would end all other tests.
        _ = Unmanaged.passRetained(relay)
        throw error
    }
}

extension Shard {
    /// Runs `body` on the shard and waits, blocking, for its result.
    nonisolated func sync<Result: Sendable>(_ body: @escaping @Sendable (isolated Shard) -> Result) -> Result {
        let answer = BlockingQueue<Result>(limit: 1)
        post { _ = answer.push(body($0)) }
        guard let result = answer.pop() else { preconditionFailure("the queue is never closed") }
        return result
    }

    /// Runs `body` as a task of the shard and waits, blocking, for its end.
    @discardableResult
    nonisolated func syncTask<Result: Sendable>(
        _ body: @escaping @Sendable (isolated Shard) async -> Result
    ) -> Result {
        let ended = BlockingQueue<Result>(limit: 1)
        post { shard in
            shard.spawn {
                _ = ended.push(await body(shard))
            }
        }
        guard let result = ended.pop() else { preconditionFailure("the queue is never closed") }
        return result
    }
}
