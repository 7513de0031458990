package import Ring

/// What is spoken on a `KeptConnection`: one protocol, and who waits for its answers.
package protocol KeptConversation: AnyObject {
    /// Somebody waits for the connection to be open.
    var isWanted: Bool { get }

    /// Begins anew, on a connection that has just been made. What is queued is sent.
    func greet(on stream: Stream)
    /// Takes what has come, which may be nothing. It tells the connection of each word (`noteWord`), and when the
    /// server has greeted (`noteGreeting`).
    ///
    /// - Throws: why the connection is of no use any more.
    func hear(_ stream: Stream) throws(ConnectionFailure)
    /// The connection is gone, or has not come about: who waits is told so.
    func lose(_ failure: ConnectionFailure)
}

/// Why a kept connection is of no use, in words.
package struct ConnectionFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The connection of one shard to a server, which all share who ask there: opened when somebody first wants it, and
/// opened again by the next one where it has gone.
///
/// One task has it, made by `start`; whoever asks has it say something and waits for what the conversation makes of the
/// answer. The task holds the conversation, so that it goes only once it is closed.
package final class KeptConnection {
    package enum State {
        case idle
        /// Until the server has greeted.
        case opening
        case open
    }

    private let address: ServerAddress
    private let resolver: Resolver?
    private let ring: Ring
    /// For connecting, the greeting included, and for what is written to be taken.
    private let timeout: Duration

    package private(set) var state = State.idle
    /// What the server has said in all.
    package private(set) var wordsHeard: UInt64 = 0
    private var stream: Stream?
    private var isClosed = false
    private var hasEnded = true
    /// It has been given up, as nothing comes on it.
    private var isGivenUp = false
    /// Who waits for the end.
    private var leaving: UnsafeContinuation<Void, Never>?
    /// Of the task while it has nothing to do.
    private var rest: Alarm?
    /// Where the server's name has led.
    private var addresses: [SocketAddress] = []
    /// Of what would go on while there is no stream.
    private let end = Cancellation()

    /// - Parameter resolver: nil where the server is not given by a name.
    package init(to address: ServerAddress, _ resolver: Resolver?, on ring: Ring, timeout: Duration) {
        self.address = address
        self.resolver = resolver
        self.ring = ring
        self.timeout = timeout
    }

    package func start(_ conversation: some KeptConversation, on shard: isolated Shard) {
        hasEnded = false
        shard.spawn { await self.run(conversation) }
    }

    /// Ends the connection for good. Who waits is to be told by the conversation.
    package func close() {
        (isClosed, state) = (true, .idle)
        end.cancel()
        rest?.turnOff()
        stream?.deadline = ring.now
    }

    /// Waits until nothing of a closed connection is left.
    package func ended() async {
        await withUnsafeContinuation { continuation in
            guard !hasEnded else { return continuation.resume() }
            leaving = continuation
        }
    }

    // MARK: For the conversation

    /// It will never be open again.
    package var isOver: Bool { isClosed || hasEnded }

    /// Has the task see that the connection is wanted.
    package func want() { rest?.turnOff() }

    /// Says something, where the connection is open.
    package func say(_ bytes: [UInt8]) {
        guard case .open = state else { return }
        stream?.queue(bytes)
        stream?.interrupt()
    }

    /// The server has said something.
    package func noteWord() { wordsHeard &+= 1 }

    /// The server has said all that comes before the first question.
    package func noteGreeting() { state = .open }

    /// Gives up a connection on which nothing at all has come for as long as an answer may take: nobody may be at the
    /// other end any more, and the next who asks is to find that out by connecting.
    ///
    /// - Parameter wordsBefore: what had been heard when the question was asked.
    /// - Returns: what those who still wait are to be told; nil where the connection stays.
    package func giveUp(ifSilentSince wordsBefore: UInt64) -> ConnectionFailure? {
        guard wordsHeard == wordsBefore, case .open = state else { return nil }
        (isGivenUp, state) = (true, .idle)
        stream?.interrupt()
        return ConnectionFailure("\(address): nothing comes from it")
    }

    // MARK: The task

    private func run(_ conversation: some KeptConversation) async {
        while !isClosed {
            guard conversation.isWanted else {
                let alarm = Alarm()
                rest = alarm
                await alarm.sleep(on: ring, until: .never)
                rest = nil
                continue
            }
            (isGivenUp, state) = (false, .opening)
            let failure = await serve(conversation)
            // Of one that was given up those who waited have heard; the next may wait already.
            guard !isGivenUp else { continue }
            state = .idle
            conversation.lose(failure)
        }
        hasEnded = true
        leaving.take()?.resume()
    }

    /// - Returns: why the connection is gone, or has not come about.
    private func serve(_ conversation: some KeptConversation) async -> ConnectionFailure {
        let deadline = ring.now + timeout
        do throws(ConnectionFailure) {
            let stream = try await connect(by: deadline)
            conversation.greet(on: stream)
            let failure = await converse(conversation, on: stream, greetedBy: deadline)
            self.stream = nil
            await stream.close()
            return failure
        } catch {
            return error
        }
    }

    private func connect(by deadline: Instant) async throws(ConnectionFailure) -> Stream {
        var failure = ConnectionFailure("\(address): no address")
        for address in try await places(by: deadline) {
            guard !isClosed else { break }
            do throws(StreamError) {
                return try await ring.connect(to: address, deadline: deadline) { stream = $0 }
            } catch {
                stream = nil
                failure = ConnectionFailure("\(address): \(error)")
            }
        }
        throw failure
    }

    private func places(by deadline: Instant) async throws(ConnectionFailure) -> [SocketAddress] {
        switch address {
        case .socket(let address): return [address]
        case .host(let name, let port):
            guard let resolver else { throw ConnectionFailure("no resolver for \(name)") }
            do throws(ResolutionError) {
                let found = try await resolver.addresses(of: name, deadline: deadline, cancellation: end)
                addresses = found.addresses.map { SocketAddress(octets: $0, port: port) }
            } catch {
                // A resolver's bad minute is not that of the server.
                if addresses.isEmpty { throw ConnectionFailure("\(name): \(error)") }
            }
            return addresses
        }
    }

    /// - Returns: what has ended it.
    private func converse(
        _ conversation: some KeptConversation, on stream: Stream, greetedBy deadline: Instant
    ) async -> ConnectionFailure {
        while !isClosed, !isGivenUp {
            do throws(StreamError) {
                stream.deadline = ring.now + timeout
                try await stream.flush()
                guard !isClosed else { break }
                if case .opening = state { stream.deadline = deadline } else { stream.deadline = .never }
                try await stream.waitForInput()
            } catch {
                guard error == .interrupted else { return ConnectionFailure("\(address): \(error)") }
            }
            guard !isClosed, !isGivenUp else { break }
            do throws(ConnectionFailure) { try conversation.hear(stream) } catch { return error }
        }
        return ConnectionFailure("closed")
    }
}
