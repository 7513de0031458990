import Lookup
import Ring
import Wire

/// What one shard asks Dovecot's auth service, on a connection that is kept: whoever asks queues a line and waits for
/// the answer that names the request.
final class DovecotConnection: KeptConversation {
    /// Requests in flight, a client's answer to a challenge included.
    static let requestsMax = 1_000

    private let ring: Ring
    private let connection: KeptConnection

    /// Those who wait for the connection to be open.
    private var openers: [Alarm] = []
    private(set) var isWanted = false
    private var greeting = DovecotGreeting()
    /// Connections that came to nothing, or ended.
    private var failures = 0
    private var failure = ConnectionFailure("not asked")
    private var lastID: UInt32 = 0
    private var requests: [UInt32: DovecotRequest] = [:]
    /// Those whose client is to answer a challenge, by that.
    private var challenged: [[UInt8]: DovecotRequest] = [:]
    /// Unread bytes that hold no line feed.
    private var searchedBytes = 0

    /// - Parameter timeout: for connecting, and for what is written to be taken.
    init(to address: SocketAddress, on ring: Ring, timeout: Duration) {
        self.ring = ring
        connection = KeptConnection(to: .socket(address), nil, on: ring, timeout: timeout)
    }

    func start(on shard: isolated Shard) { connection.start(self, on: shard) }

    /// Ends the connection for good; who waits hears so.
    func close() {
        connection.close()
        lose(ConnectionFailure("closed"))
    }

    /// Waits until nothing of a closed connection is left.
    func ended() async { await connection.ended() }

    // MARK: For those who ask

    /// Waits until the connection is open.
    ///
    /// - Returns: the mechanisms that are offered, by their names.
    func open(until deadline: Instant, _ cancellation: Cancellation) async throws(ConnectionFailure) -> Set<String> {
        let failuresBefore = failures
        while true {
            if case .open = connection.state { return greeting.mechanisms }
            guard !connection.isOver else { throw ConnectionFailure("closed") }
            guard failures == failuresBefore else { throw failure }
            let alarm = Alarm()
            openers.append(alarm)
            isWanted = true
            connection.want()
            try await wait(alarm, until: deadline, cancellation)
        }
    }

    /// Begins a request. The connection is open.
    func begin(
        _ mechanism: SASLMechanism, _ parameters: [DovecotCommand.Parameter], response: Secret?
    ) throws(ConnectionFailure) -> DovecotRequest {
        guard case .open = connection.state else { throw failure }
        guard requests.count < Self.requestsMax else { throw ConnectionFailure("too many requests in flight") }
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while requests[lastID] != nil
        let request = DovecotRequest(id: lastID, after: connection.wordsHeard)
        try say(DovecotCommand.begin(id: lastID, mechanism: mechanism, parameters, response: response))
        requests[lastID] = request
        return request
    }

    func answer(_ request: DovecotRequest, _ response: Secret) throws(ConnectionFailure) {
        if let failure = request.failure { throw failure }
        request.wordsBefore = connection.wordsHeard
        try say(DovecotCommand.answer(id: request.id, response))
    }

    /// What Dovecot says next about a request.
    func next(
        about request: DovecotRequest, until deadline: Instant, _ cancellation: Cancellation
    ) async throws(ConnectionFailure) -> DovecotLine {
        while true {
            if let line = request.line.take() { return line }
            if let failure = request.failure { throw failure }
            if ring.now >= deadline, let failure = connection.giveUp(ifSilentSince: request.wordsBefore) {
                lose(failure)
            }
            let alarm = Alarm()
            request.alarm = alarm
            try await wait(alarm, until: deadline, cancellation)
        }
    }

    /// Remembers the request that a challenge belongs to.
    func note(_ request: DovecotRequest, challenge: [UInt8]) {
        request.challenge = challenge
        challenged[challenge] = request
    }

    /// The request that a challenge belongs to, once.
    func request(challenged challenge: [UInt8]) -> DovecotRequest? { challenged.removeValue(forKey: challenge) }

    /// Forgets a request; Dovecot does, too.
    func drop(_ request: DovecotRequest) {
        if let challenge = request.challenge, challenged[challenge] === request { challenged[challenge] = nil }
        guard requests.removeValue(forKey: request.id) === request, !request.isOver else { return }
        connection.say(DovecotCommand.cancel(id: request.id))
    }

    private func wait(
        _ alarm: Alarm, until deadline: Instant, _ cancellation: Cancellation
    ) async throws(ConnectionFailure) {
        guard !cancellation.isCancelled else { throw ConnectionFailure("taken back") }
        guard ring.now < deadline else { throw ConnectionFailure("no answer in time") }
        await cancellation.whileWatched({ alarm.turnOff() }) {
            await alarm.sleep(on: ring, until: deadline)
        }
    }

    private func say(_ line: Secret) throws(ConnectionFailure) {
        guard line.count <= DovecotLine.limitBytes else { throw ConnectionFailure("the request is too long") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.count)
        line.append(to: &bytes)
        connection.say(bytes)
        bytes.wipe()
    }

    // MARK: The conversation

    func greet(on stream: Stream) {
        greeting = DovecotGreeting()
        searchedBytes = 0
        stream.queue(DovecotCommand.greeting(process: Self.newProcess))
    }

    /// Above all that Linux gives to processes, so that it is not taken for another client of the machine.
    private static var newProcess: UInt32 { .random(in: 1 << 23..<1 << 31) }

    func hear(_ stream: Stream) throws(ConnectionFailure) {
        while case .line(let line) = try nextLine(of: stream) { try take(line) }
    }

    private enum Read {
        /// Nil: it cannot be read.
        case line(DovecotLine?)
        /// There is no whole line.
        case incomplete
    }

    private func nextLine(of stream: Stream) throws(ConnectionFailure) -> Read {
        let length = stream.withInput { bytes -> Int? in
            (searchedBytes..<max(searchedBytes, bytes.count)).first { bytes[$0] == 0x0A }
        }
        guard let length else {
            searchedBytes = stream.buffered
            guard searchedBytes < DovecotLine.limitBytes else {
                throw ConnectionFailure("it says a line without an end")
            }
            return .incomplete
        }
        searchedBytes = 0
        connection.noteWord()
        let line = stream.withInput { DovecotLine($0.extracting(first: length)) }
        // What it says of a user may hold a password.
        stream.wipeInput(length + 1)
        return .line(line)
    }

    private func take(_ line: DovecotLine?) throws(ConnectionFailure) {
        guard case .open = connection.state else {
            guard try greeting.take(line) else { return }
            connection.noteGreeting()
            return wakeOpeners()
        }
        guard let line else { throw ConnectionFailure("it says what cannot be read") }
        // One that has been taken back may still be answered.
        guard let id = line.id, let request = requests[id] else { return }
        guard request.take(line) else { throw ConnectionFailure("it answers before it is asked") }
        if request.isOver { requests[id] = nil }
    }

    func lose(_ failure: ConnectionFailure) {
        isWanted = false
        failures += 1
        self.failure = failure
        let requests = requests.values
        self.requests = [:]
        challenged = [:]
        for request in requests { request.fail(failure) }
        wakeOpeners()
    }

    private func wakeOpeners() {
        let openers = openers
        self.openers = []
        for opener in openers { opener.turnOff() }
    }
}
