import Ring
import Wire

/// The connection of one shard to a server of Redis. One task has it, made by `start`.
final class RedisConnection {
    private enum State {
        case idle
        /// Until the server has answered a first time.
        case opening
        case open
    }

    private let server: RedisServer
    private let resolver: Resolver?
    private let ring: Ring
    /// For connecting, and for what is written to be taken.
    private let timeout: Duration

    private var state = State.idle
    private var stream: Stream?
    private var isClosed = false
    private var hasEnded = true
    /// Who waits for the end.
    private var leaving: UnsafeContinuation<Void, Never>?
    /// Of the task while it has nothing to do.
    private var rest: Alarm?
    /// Asked, and not sent yet.
    private var waiting: [RedisQuestion] = []
    /// Sent, in the order in which the answers come.
    private var sent: [RedisQuestion] = []
    /// Answers to what was said at the beginning that are still to come.
    private var greetingsLeft = 0
    private var repliesHeard: UInt64 = 0
    /// It has answered a question.
    private var isProven = false
    /// The connection has been given up, as nothing comes on it.
    private var isSilent = false
    /// Why the last attempt came to nothing, until one succeeds.
    private var problem: RedisFailure?
    /// No new attempt before.
    private var retryAt = Instant(nanoseconds: 0)
    /// Where the server's name has led.
    private var addresses: [SocketAddress] = []
    /// Of what would go on while there is no stream.
    private let end = Cancellation()

    /// From a failed attempt to the next.
    static let pauseAfterFailure = Duration.seconds(1)

    init(to server: RedisServer, _ resolver: Resolver?, on ring: Ring, timeout: Duration) {
        self.server = server
        self.resolver = resolver
        self.ring = ring
        self.timeout = timeout
    }

    func start(on shard: isolated Shard) {
        hasEnded = false
        shard.spawn { await self.run() }
    }

    /// Ends the connection for good; who waits hears so.
    func close() {
        isClosed = true
        end.cancel()
        rest?.turnOff()
        stream?.deadline = ring.now
        fail(RedisFailure("closed"))
    }

    /// Waits until nothing of a closed connection is left.
    func ended() async {
        await withUnsafeContinuation { continuation in
            guard !hasEnded else { return continuation.resume() }
            leaving = continuation
        }
    }

    // MARK: For those who ask

    /// Has a question sent.
    func take(_ question: RedisQuestion) throws(RedisFailure) {
        guard !isClosed, !hasEnded else { throw RedisFailure("closed") }
        guard waiting.count + sent.count < RedisClient.questionsMax else {
            throw RedisFailure("too many questions in flight")
        }
        if let problem {
            // One finds out whether it is back; the others need not wait for that.
            guard case .idle = state, ring.now >= retryAt, waiting.isEmpty else { throw problem }
        }
        waiting.append(question)
        if let rest { rest.turnOff() } else if case .open = state { stream?.interrupt() }
    }

    /// Ends a connection on which nothing at all has come since a question was sent: nobody may be at the other end
    /// any more.
    func noteSilence(after question: RedisQuestion) {
        waiting.removeAll { $0 === question }
        guard sent.contains(where: { $0 === question }), repliesHeard == question.repliesBefore else { return }
        isSilent = true
        stream?.interrupt()
    }

    // MARK: The task

    private func run() async {
        while !isClosed {
            guard !waiting.isEmpty else {
                let alarm = Alarm()
                rest = alarm
                await alarm.sleep(on: ring, until: .never)
                rest = nil
                continue
            }
            state = .opening
            (isSilent, isProven) = (false, false)
            do throws(RedisFailure) { try await serve() } catch { fail(error) }
        }
        hasEnded = true
        fail(RedisFailure("closed"))
        leaving.take()?.resume()
    }

    private func serve() async throws(RedisFailure) {
        let deadline = ring.now + timeout
        let stream = try await connect(by: deadline)
        do throws(RedisFailure) { try await converse(on: stream, greetedBy: deadline) } catch {
            self.stream = nil
            await stream.close()
            throw error
        }
    }

    private func connect(by deadline: Instant) async throws(RedisFailure) -> Stream {
        var failure = RedisFailure("\(server.address): no address")
        for address in try await places(by: deadline) {
            guard !isClosed else { break }
            do throws(StreamError) {
                return try await ring.connect(to: address, deadline: deadline) { stream = $0 }
            } catch {
                stream = nil
                failure = RedisFailure("\(address): \(error)")
            }
        }
        throw failure
    }

    private func places(by deadline: Instant) async throws(RedisFailure) -> [SocketAddress] {
        switch server.address {
        case .socket(let address): return [address]
        case .host(let name, let port):
            guard let resolver else { throw RedisFailure("no resolver for \(name)") }
            do throws(ResolutionError) {
                let found = try await resolver.addresses(of: name, deadline: deadline, cancellation: end)
                addresses = found.addresses.map { SocketAddress(octets: $0, port: port) }
            } catch {
                // A resolver's bad minute is not that of the server.
                if addresses.isEmpty { throw RedisFailure("\(name): \(error)") }
            }
            return addresses
        }
    }

    /// Up to the end of the connection, which is always a failure.
    private func converse(on stream: Stream, greetedBy deadline: Instant) async throws(RedisFailure) {
        let replies = RedisReplies()
        greet(on: stream)
        while !isClosed {
            if case .open = state { sendWaiting(on: stream) }
            do throws(StreamError) {
                stream.deadline = ring.now + timeout
                try await stream.flush()
                if case .opening = state { stream.deadline = deadline } else { stream.deadline = .never }
                guard !isClosed else { break }
                try await stream.waitForInput()
            } catch {
                guard error == .interrupted else { throw RedisFailure("\(server.address): \(error)") }
            }
            guard !isSilent else { throw RedisFailure("\(server.address): nothing comes from it") }
            try take(stream, replies)
        }
        throw RedisFailure("closed")
    }

    private func greet(on stream: Stream) {
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

    private func sendWaiting(on stream: Stream) {
        for question in waiting where !question.isOver {
            question.repliesBefore = repliesHeard
            stream.queue(question.command)
            sent.append(question)
        }
        waiting = []
    }

    private func take(_ stream: Stream, _ replies: borrowing RedisReplies) throws(RedisFailure) {
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

    private var notRedis: RedisFailure { RedisFailure("\(server.address): it says what is no reply of Redis'") }

    private func take(_ reply: RedisReplies.Reply) throws(RedisFailure) {
        repliesHeard &+= 1
        if greetingsLeft > 0 {
            if case .error(let words) = reply { throw RedisFailure("\(server.address): \(words)") }
            guard case .status = reply else { throw notRedis }
            greetingsLeft -= 1
            guard greetingsLeft == 0 else { return }
            state = .open
            problem = nil
        } else {
            guard !sent.isEmpty else { throw RedisFailure("\(server.address): it answers before it is asked") }
            isProven = true
            sent.removeFirst().end(.success(reply))
        }
    }

    private func fail(_ failure: RedisFailure) {
        let isWorthAnotherTry = isProven && !isSilent && !isClosed
        if !isWorthAnotherTry {
            problem = failure
            retryAt = ring.now + Self.pauseAfterFailure
        }
        state = .idle
        isProven = false
        let questions = sent + waiting
        (sent, waiting) = ([], [])
        let told = RedisFailure(failure.description, isWorthAnotherTry: isWorthAnotherTry)
        for question in questions { question.end(.failure(told)) }
    }
}
