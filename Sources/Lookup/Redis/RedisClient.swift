public import Ring

/// Asks a server of Redis for values, over one connection of the shard on which everything that is asked goes in one
/// row.
///
/// It is opened when somebody first asks, and again by the next one where it has gone; a question on one that did its
/// work before is asked once more. While the server is away, who asks hears so at once; once a second one question
/// finds out whether it is back.
///
/// Not Sendable: one for each shard. It must be closed before it goes.
public final class RedisClient {
    private let connection: RedisConnection
    private let ring: Ring
    private let timeout: Duration

    /// Questions in flight.
    public static let questionsMax = 1_000

    /// - Parameters:
    ///   - resolver: nil where the server is not given by a name.
    ///   - timeout: for an answer, and for connecting.
    public init(_ server: RedisServer, _ resolver: Resolver?, timeout: Duration, on shard: isolated Shard) {
        ring = shard.ring
        self.timeout = timeout
        connection = RedisConnection(to: server, resolver, on: shard.ring, timeout: timeout)
        connection.start(on: shard)
    }

    deinit { connection.close() }

    /// The text at `key`; nil where there is none.
    ///
    /// - Parameter cancellation: taken back, it has failed.
    /// - Throws: why there is no answer, in words for the log, without the key. Also where the key holds something else
    ///   than text.
    public func value(
        of key: [UInt8], _ cancellation: Cancellation
    ) async throws(RedisFailure) -> [UInt8]? {
        let deadline = ring.now + timeout
        let command = RedisCommand.bytes(Array("GET".utf8), key)
        var isSecondTry = false
        while true {
            let question = RedisQuestion(command)
            try connection.take(question)
            let alarm = Alarm()
            question.alarm = alarm
            if !cancellation.isCancelled, question.result == nil {
                await cancellation.whileWatched({ alarm.turnOff() }) { await alarm.sleep(on: ring, until: deadline) }
            }
            question.alarm = nil
            switch question.result {
            case .success(.none): return nil
            case .success(.text(let text)): return text
            case .success(.error(let words)): throw RedisFailure(words)
            case .success: throw RedisFailure("it answers with something else than text")
            case .failure(let failure):
                guard failure.isWorthAnotherTry, !isSecondTry else { throw failure }
                isSecondTry = true
            case nil:
                question.isOver = true
                guard !cancellation.isCancelled else { throw RedisFailure("taken back") }
                connection.noteSilence(after: question)
                throw RedisFailure("no answer in time")
            }
        }
    }

    /// Ends the connection. Who asks from now on hears that nobody can say.
    public func closed() async {
        connection.close()
        await connection.ended()
    }
}

/// Why there is no answer, in words for the log.
public struct RedisFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    /// The connection has gone that did its work before: another may do.
    var isWorthAnotherTry = false

    init(_ description: String, isWorthAnotherTry: Bool = false) {
        self.description = description
        self.isWorthAnotherTry = isWorthAnotherTry
    }
}

/// A question, and what comes of it.
final class RedisQuestion {
    let command: [UInt8]
    /// What Redis had said in all when this was sent.
    var wordsBefore: UInt64 = 0
    var result: Result<RedisReplies.Reply, RedisFailure>?
    /// Nobody waits any more.
    var isOver = false
    /// Of who waits.
    var alarm: Alarm?

    init(_ command: [UInt8]) { self.command = command }

    func end(_ result: Result<RedisReplies.Reply, RedisFailure>) {
        guard self.result == nil else { return }
        self.result = result
        alarm.take()?.turnOff()
    }
}
