import Ring
import Wire

/// What one shard asks a server of Redis, on a connection that is kept.
final class RedisConnection: KeptConversation {
    private let server: RedisServer
    private let ring: Ring
    private let connection: KeptConnection

    /// Asked before the connection is open.
    private var waiting: [RedisQuestion] = []
    /// Sent, in the order in which the answers come.
    private var sent: [RedisQuestion] = []
    private var replies = RedisReplies()
    /// Answers to what was said at the beginning that are still to come.
    private var greetingsLeft = 0
    /// The connection has answered a question.
    private var isProven = false
    /// Why the last attempt came to nothing, until one succeeds.
    private var problem: RedisFailure?
    /// No new attempt before.
    private var retryAt = Instant(nanoseconds: 0)

    /// From a failed attempt to the next.
    static let pauseAfterFailure = Duration.seconds(1)

    /// - Parameter timeout: for connecting, and for what is written to be taken.
    init(to server: RedisServer, _ resolver: Resolver?, on ring: Ring, timeout: Duration) {
        self.server = server
        self.ring = ring
        connection = KeptConnection(to: server.address, resolver, on: ring, timeout: timeout)
    }

    func start(on shard: isolated Shard) { connection.start(self, on: shard) }

    /// Ends the connection for good; who waits hears so.
    func close() {
        connection.close()
        isProven = false
        lose(ConnectionFailure("closed"))
    }

    /// Waits until nothing of a closed connection is left.
    func ended() async { await connection.ended() }

    // MARK: For those who ask

    /// Has a question sent.
    func take(_ question: RedisQuestion) throws(RedisFailure) {
        guard !connection.isOver else { throw RedisFailure("closed") }
        guard waiting.count + sent.count < RedisClient.questionsMax else {
            throw RedisFailure("too many questions in flight")
        }
        if let problem {
            // One finds out whether it is back; the others need not wait for that.
            guard case .idle = connection.state, ring.now >= retryAt, waiting.isEmpty else { throw problem }
        }
        guard case .open = connection.state else {
            waiting.append(question)
            return connection.want()
        }
        send(question)
    }

    /// Takes back a question that was not answered in time.
    func noteSilence(after question: RedisQuestion) {
        waiting.removeAll { $0 === question }
        guard sent.contains(where: { $0 === question }),
            let failure = connection.giveUp(ifSilentSince: question.wordsBefore)
        else { return }
        isProven = false
        lose(failure)
    }

    private func send(_ question: RedisQuestion) {
        question.wordsBefore = connection.wordsHeard
        sent.append(question)
        connection.say(question.command)
    }

    // MARK: The conversation

    var isWanted: Bool { !waiting.isEmpty }

    func greet(on stream: Stream) {
        replies = RedisReplies()
        greetingsLeft = 1
        if let authentication = RedisCommand.authentication(for: server) {
            stream.queueSecret(authentication)
            greetingsLeft += 1
        }
        if server.database != 0 {
            stream.queue(RedisCommand.bytes(Array("SELECT".utf8), Array("\(server.database)".utf8)))
            greetingsLeft += 1
        }
        // The answer shows that there is somebody.
        stream.queue(RedisCommand.bytes(Array("PING".utf8)))
    }

    func hear(_ stream: Stream) throws(ConnectionFailure) {
        let count = stream.buffered
        guard count > 0 else { return }
        let isTaken = stream.withInput { replies.take($0) }
        stream.dropInput(count)
        guard isTaken else { throw notRedis }
        while true {
            switch replies.next() {
            case .reply(let reply): try take(reply)
            case .incomplete: return
            case .broken: throw notRedis
            }
        }
    }

    private var notRedis: ConnectionFailure {
        ConnectionFailure("\(server.address): it says what is no reply of Redis'")
    }

    private func take(_ reply: RedisReplies.Reply) throws(ConnectionFailure) {
        connection.noteWord()
        guard greetingsLeft > 0 else {
            guard !sent.isEmpty else { throw ConnectionFailure("\(server.address): it answers before it is asked") }
            isProven = true
            return sent.removeFirst().end(.success(reply))
        }
        if case .error(let words) = reply { throw ConnectionFailure("\(server.address): \(words)") }
        guard case .status = reply else { throw notRedis }
        greetingsLeft -= 1
        guard greetingsLeft == 0 else { return }
        connection.noteGreeting()
        problem = nil
        for question in waiting where !question.isOver { send(question) }
        waiting = []
    }

    func lose(_ failure: ConnectionFailure) {
        let told = RedisFailure(failure.description, isWorthAnotherTry: isProven)
        if !isProven {
            problem = told
            retryAt = ring.now + Self.pauseAfterFailure
        }
        isProven = false
        let questions = sent + waiting
        (sent, waiting) = ([], [])
        for question in questions { question.end(.failure(told)) }
    }
}
