import Lookup
import Ring
import Telemetry
import Wire

/// A connection to an upstream that has carried mail and can carry more, of whatever session: its server knows nothing
/// of any client.
struct IdleConnection {
    /// For whom it may be taken.
    struct Key: Hashable {
        /// This server and no other; nil: any of the pool's.
        var server: ServerAddress?
        /// Whether the server's certificate had to be valid; nil: as the upstream's settings say.
        var verifiesTLS: Bool?
    }

    let key: Key
    let stream: Stream
    /// Its place with the server goes with it: whoever has the connection gives it back.
    let server: UpstreamServer
    /// What the server listed in its last reply to EHLO.
    let offer: ServerOffer
    /// What the server wants to know of each message's client for its log (XFORWARD); nil: nothing.
    let forwarded: Set<IdentityAttribute>?
    /// For the record of who uses it.
    let tls: SessionRecord.TLSFacts?
    let opened: Instant
    /// Those carried so far.
    let messages: Int
}

/// The connections of one pool, on one shard, that no session has and the next one may: in the order in which they
/// came.
///
/// A server that says anything meanwhile, or ends, is not heard out: that connection is gone at once. No task waits for
/// that, nor for the time to be over.
final class IdleConnections {
    private struct Entry {
        let id: UInt64
        let connection: IdleConnection
    }

    private let policy: UpstreamSettings.ReusePolicy
    private let ring: Ring
    private let giveBack: (UpstreamServer) -> Void
    private var entries: [Entry] = []
    private var nextID: UInt64 = 0
    private var isClosed = false

    private static let quit = Array("QUIT\r\n".utf8)

    /// - Parameter giveBack: gets the server of each connection that nobody takes.
    init(_ policy: UpstreamSettings.ReusePolicy, on ring: Ring, giveBack: @escaping (UpstreamServer) -> Void) {
        self.policy = policy
        self.ring = ring
        self.giveBack = giveBack
    }

    var count: Int { entries.count }

    /// Keeps a connection that stands between two messages and that nobody uses. False where it is not worth keeping:
    /// it stays the caller's.
    func put(_ connection: IdleConnection) -> Bool {
        let end = connection.opened + policy.ageMax
        guard !isClosed, policy.idleConnectionsMax > 0, connection.messages < policy.messagesMax, ring.now < end,
            !connection.stream.hasInput
        else { return false }
        if entries.count >= policy.idleConnectionsMax { leave(entries.removeFirst()) }
        nextID += 1
        let id = nextID
        entries.append(Entry(id: id, connection: connection))
        connection.server.raiseIdle()
        connection.stream.deadline = min(end, ring.now + policy.idleTimeout)
        connection.stream.listen { [unowned self] in heard(id) }
        return true
    }

    /// The newest that is for `key`, where its server suits. It is the caller's from then on, and its server's place,
    /// too. It was alive a moment ago; whether it still is, only an answer tells.
    func take(_ key: IdleConnection.Key, where suits: (UpstreamServer) -> Bool) -> IdleConnection? {
        let place = entries.lastIndex { entry in
            entry.connection.key == key && !entry.connection.stream.hasInput && suits(entry.connection.server)
        }
        guard let place else { return nil }
        let connection = entries.remove(at: place).connection
        connection.stream.stopListening()
        connection.stream.deadline = .never
        connection.server.lowerIdle()
        connection.server.tally.countReuse()
        return connection
    }

    /// Lets go of the oldest connection to `server`, whose place is the caller's then. False where there is none.
    func yieldPlace(with server: UpstreamServer) -> Bool {
        guard let place = entries.firstIndex(where: { $0.connection.server === server }) else { return false }
        let connection = entries.remove(at: place).connection
        connection.server.lowerIdle()
        connection.stream.hangUp(saying: Self.quit)
        return true
    }

    /// From now on nothing is kept.
    func close() async {
        isClosed = true
        let all = entries
        entries = []
        for entry in all {
            let stream = entry.connection.stream
            entry.connection.server.lowerIdle()
            stream.stopListening()
            stream.deadline = ring.now + Self.quitPatience
            stream.queue(Self.quit)
            try? await stream.finishSending()
            await stream.close()
            giveBack(entry.connection.server)
        }
    }

    /// A server that takes nothing does not hold up the end.
    private static let quitPatience = Duration.milliseconds(100)

    /// The server has something to say, or the time is over.
    private func heard(_ id: UInt64) {
        guard let place = entries.firstIndex(where: { $0.id == id }) else { return }
        leave(entries.remove(at: place))
    }

    private func leave(_ entry: Entry) {
        entry.connection.server.lowerIdle()
        entry.connection.stream.hangUp(saying: entry.connection.stream.hasInput ? [] : Self.quit)
        giveBack(entry.connection.server)
    }
}
