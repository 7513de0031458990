public import Ring

/// Connections of the whole process to a database that is asked one question, again and again, about keys.
///
/// Each connection has a thread of its own, on which the client library blocks: a shard never does, and gives up in
/// time whatever the library does. Connections are opened when there is more to ask than those that are there can
/// take; an idle one is closed after a while. A question is asked again on a new connection where an old one turns out
/// to be gone. While the server is away, who asks hears so at once; once a second one question finds out whether it is
/// back.
public final class SQLPool: Sendable {
    /// How much at one time, for how long.
    public struct Limits: Sendable, Hashable {
        public var connectionsMax: Int
        /// Questions that may wait for a connection; what comes past that fails at once.
        public var waitingMax: Int
        /// For an answer, the wait for a connection included, and for connecting.
        public var timeout: Duration
        /// How long a connection that nobody asks is kept. Servers, and what is between, close idle ones in hours.
        public var idleTimeout: Duration

        public init(
            connectionsMax: Int = 4, waitingMax: Int = 1_000, timeout: Duration = .seconds(5),
            idleTimeout: Duration = .seconds(60)
        ) {
            self.connectionsMax = connectionsMax
            self.waitingMax = waitingMax
            self.timeout = timeout
            self.idleTimeout = idleTimeout
        }
    }

    private let limits: Limits
    private let crew: SQLCrew

    /// - Parameters:
    ///   - question: with a `?` in place of the key.
    ///   - limits: of connections at least one.
    public convenience init(_ source: SQLSource, asking question: String, _ limits: Limits = Limits()) {
        self.init(source.driver(asking: question), limits)
    }

    package init(_ driver: any SQLDriver, _ limits: Limits) {
        precondition(limits.connectionsMax > 0 && limits.waitingMax > 0)
        self.limits = limits
        crew = SQLCrew(driver, limits)
    }

    deinit { crew.close(within: nil) }

    /// The first row about `key`.
    ///
    /// - Parameters:
    ///   - key: UTF-8 without a NUL, which goes as a value of its own and is no part of the question's text.
    ///   - ring: that of the shard on which this runs.
    ///   - cancellation: taken back, it has failed.
    /// - Returns: nil where there is none.
    public func row(
        about key: [UInt8], on ring: Ring, _ cancellation: Cancellation
    ) async throws(SQLFailure) -> SQLRow? {
        guard !cancellation.isCancelled else { throw .takenBack }
        let question = SQLQuestion(about: key, until: ring.now + limits.timeout)
        let timer = Timer(ring) { question.end(.failure(.tooLate)) }
        timer.deadline = question.deadline
        defer { timer.deadline = .never }
        let answer = await cancellation.whileWatched({ question.end(.failure(.takenBack)) }) {
            await withUnsafeContinuation { continuation in
                // A thread that answers before this has suspended meets it inside the runtime, where the thread
                // sanitizer sees no order between the two.
                if question.begin(continuation) { ring.later { self.crew.take(question) } }
            }
        }
        return try answer.get()
    }

    /// Ends the connections. Who waits hears that they have gone, and so does who asks from now on. Blocks no longer
    /// than `patience`; a thread that goes on ends with its question, or with the process.
    public func close(within patience: Duration) {
        crew.close(within: patience)
    }

    /// What is wrong with the database, or with the question: it is connected to for that. Blocks.
    public static func problem(
        with source: SQLSource, asking question: String, timeout: Duration
    ) -> SQLFailure? {
        do throws(SQLFailure) {
            try source.driver(asking: question).open(within: timeout).close()
            return nil
        } catch {
            return error
        }
    }
}

extension SQLFailure {
    static let takenBack = SQLFailure("taken back")
    static let tooLate = SQLFailure("no answer in time")
    static let closed = SQLFailure("closed")
    static let full = SQLFailure("too many questions wait for the database")
    static let noThread = SQLFailure("no room for another thread")
}
