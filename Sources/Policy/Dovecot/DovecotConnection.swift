import Lookup
import Ring
import Wire

/// The connection of one shard to Dovecot's auth service: opened when somebody first asks, shared by all who ask, and
/// opened again by the next one where it has gone.
///
/// One task has it, made by `start`; whoever asks queues a line and waits for the answer that names the request.
final class DovecotConnection {
    /// Requests in flight, a client's answer to a challenge included.
    static let requestsMax = 1_000

    private enum State {
        case idle
        case opening
        /// With the mechanisms that are offered, by their names.
        case open(Set<String>)
    }

    private let address: SocketAddress
    private let ring: Ring
    /// For connecting, and for what is written to be taken.
    private let timeout: Duration

    private var state = State.idle
    private var stream: Stream?
    private var isWanted = false
    private var isClosed = false
    private var hasEnded = true
    /// Who waits for the end.
    private var leaving: UnsafeContinuation<Void, Never>?
    /// Of the task while it has nothing to do.
    private var rest: Alarm?
    /// Those who wait for the connection to be open.
    private var openers: [Alarm] = []
    /// Connections that came to nothing, or ended.
    private var failures = 0
    private var failure = DovecotFailure("not asked")
    private var lastID: UInt32 = 0
    private var requests: [UInt32: DovecotRequest] = [:]
    /// Those whose client is to answer a challenge, by that.
    private var challenged: [[UInt8]: DovecotRequest] = [:]
    /// Lines that it has said, of whatever kind.
    private var linesHeard: UInt64 = 0
    /// The connection has been given up, as nothing comes on it.
    private var isSilent = false
    /// Unread bytes that hold no line feed.
    private var searchedBytes = 0

    init(to address: SocketAddress, on ring: Ring, timeout: Duration) {
        self.address = address
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
        rest?.turnOff()
        stream?.deadline = ring.now
        fail(DovecotFailure("closed"))
    }

    /// Waits until nothing of a closed connection is left.
    func ended() async {
        await withUnsafeContinuation { continuation in
            guard !hasEnded else { return continuation.resume() }
            leaving = continuation
        }
    }

    // MARK: For those who ask

    /// Waits until the connection is open.
    ///
    /// - Returns: the mechanisms that are offered, by their names.
    func open(until deadline: Instant, _ cancellation: Cancellation) async throws(DovecotFailure) -> Set<String> {
        let failuresBefore = failures
        while true {
            if case .open(let mechanisms) = state { return mechanisms }
            guard !isClosed, !hasEnded else { throw DovecotFailure("closed") }
            guard failures == failuresBefore else { throw failure }
            let alarm = Alarm()
            openers.append(alarm)
            isWanted = true
            rest?.turnOff()
            try await wait(alarm, until: deadline, cancellation)
        }
    }

    /// Begins a request. The connection is open.
    func begin(
        _ mechanism: SASLMechanism, _ parameters: [DovecotCommand.Parameter], response: Secret?
    ) throws(DovecotFailure) -> DovecotRequest {
        guard case .open = state else { throw failure }
        guard requests.count < Self.requestsMax else { throw DovecotFailure("too many requests in flight") }
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while requests[lastID] != nil
        let request = DovecotRequest(id: lastID, after: linesHeard)
        try say(DovecotCommand.begin(id: lastID, mechanism: mechanism, parameters, response: response))
        requests[lastID] = request
        return request
    }

    func answer(_ request: DovecotRequest, _ response: Secret) throws(DovecotFailure) {
        if let failure = request.failure { throw failure }
        request.linesBefore = linesHeard
        try say(DovecotCommand.answer(id: request.id, response))
    }

    /// What Dovecot says next about a request.
    func next(
        about request: DovecotRequest, until deadline: Instant, _ cancellation: Cancellation
    ) async throws(DovecotFailure) -> DovecotLine {
        while true {
            if let line = request.line.take() { return line }
            if let failure = request.failure { throw failure }
            if ring.now >= deadline { giveUpSilence(since: request.linesBefore) }
            let alarm = Alarm()
            request.alarm = alarm
            try await wait(alarm, until: deadline, cancellation)
        }
    }

    /// Ends a connection on which nothing at all has come for as long as a decision may take: nobody may be at the
    /// other end any more, and the next who asks is to find that out by connecting.
    private func giveUpSilence(since linesBefore: UInt64) {
        guard linesHeard == linesBefore, case .open = state else { return }
        isSilent = true
        fail(DovecotFailure("\(address): nothing comes from it"))
        stream?.interrupt()
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
        guard requests.removeValue(forKey: request.id) === request, !request.isOver, case .open = state else { return }
        stream?.queue(DovecotCommand.cancel(id: request.id))
        stream?.interrupt()
    }

    private func wait(
        _ alarm: Alarm, until deadline: Instant, _ cancellation: Cancellation
    ) async throws(DovecotFailure) {
        guard !cancellation.isCancelled else { throw DovecotFailure("taken back") }
        guard ring.now < deadline else { throw DovecotFailure("no answer in time") }
        await cancellation.whileWatched({ alarm.turnOff() }) {
            await alarm.sleep(on: ring, until: deadline)
        }
    }

    private func say(_ line: Secret) throws(DovecotFailure) {
        guard line.count <= DovecotLine.limitBytes else { throw DovecotFailure("the request is too long") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.count)
        line.append(to: &bytes)
        stream?.queue(bytes)
        bytes.wipe()
        stream?.interrupt()
    }

    // MARK: The task

    private func run() async {
        while !isClosed {
            guard isWanted else {
                let alarm = Alarm()
                rest = alarm
                await alarm.sleep(on: ring, until: .never)
                rest = nil
                continue
            }
            state = .opening
            isSilent = false
            do throws(DovecotFailure) { try await serve() } catch {
                // Of one that was given up those who waited have heard; the next may wait already.
                if !isSilent { fail(error) }
            }
        }
        hasEnded = true
        fail(DovecotFailure("closed"))
        leaving.take()?.resume()
    }

    private func serve() async throws(DovecotFailure) {
        let opened = ring.now
        let stream: Stream
        do throws(StreamError) {
            stream = try await ring.connect(to: address, deadline: opened + timeout) { self.stream = $0 }
        } catch {
            self.stream = nil
            throw DovecotFailure("\(address): \(error)")
        }
        do throws(DovecotFailure) { try await converse(on: stream, greetedBy: opened + timeout) } catch {
            self.stream = nil
            await stream.close()
            throw error
        }
    }

    /// Up to the end of the connection, which is always a failure.
    private func converse(on stream: Stream, greetedBy deadline: Instant) async throws(DovecotFailure) {
        var greeting = DovecotGreeting()
        searchedBytes = 0
        stream.queue(DovecotCommand.greeting(process: Self.newProcess))
        while !isClosed {
            do throws(StreamError) {
                stream.deadline = ring.now + timeout
                try await stream.flush()
                if case .opening = state { stream.deadline = deadline } else { stream.deadline = .never }
                guard !isClosed else { break }
                try await stream.waitForInput()
            } catch {
                guard error == .interrupted else { throw DovecotFailure("\(address): \(error)") }
            }
            guard !isSilent else { throw failure }
            while case .line(let line) = try nextLine(of: stream) { try take(line, &greeting) }
        }
        throw DovecotFailure("closed")
    }

    /// Above all that Linux gives to processes, so that it is not taken for another client of the machine.
    private static var newProcess: UInt32 { .random(in: 1 << 23..<1 << 31) }

    private enum Read {
        /// Nil: it cannot be read.
        case line(DovecotLine?)
        /// There is no whole line.
        case incomplete
    }

    private func nextLine(of stream: Stream) throws(DovecotFailure) -> Read {
        let length = stream.withInput { bytes -> Int? in
            (searchedBytes..<max(searchedBytes, bytes.count)).first { bytes[$0] == 0x0A }
        }
        guard let length else {
            searchedBytes = stream.buffered
            guard searchedBytes < DovecotLine.limitBytes else { throw DovecotFailure("it says a line without an end") }
            return .incomplete
        }
        searchedBytes = 0
        linesHeard &+= 1
        let line = stream.withInput { DovecotLine($0.extracting(first: length)) }
        // What it says of a user may hold a password.
        stream.wipeInput(length + 1)
        return .line(line)
    }

    private func take(_ line: DovecotLine?, _ greeting: inout DovecotGreeting) throws(DovecotFailure) {
        guard case .open = state else {
            guard try greeting.take(line) else { return }
            state = .open(greeting.mechanisms)
            return wakeOpeners()
        }
        guard let line else { throw DovecotFailure("it says what cannot be read") }
        // One that has been taken back may still be answered.
        guard let id = line.id, let request = requests[id] else { return }
        guard request.take(line) else { throw DovecotFailure("it answers before it is asked") }
        if request.isOver { requests[id] = nil }
    }

    private func fail(_ failure: DovecotFailure) {
        state = .idle
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

/// A request that Dovecot works at.
final class DovecotRequest {
    let id: UInt32
    /// What Dovecot had said in all when it was last told something about the request.
    var linesBefore: UInt64
    /// What it has said, where nobody has heard it yet.
    var line: DovecotLine?
    private(set) var failure: DovecotFailure?
    /// It has said yes or no.
    private(set) var isOver = false
    /// What its client is to sign.
    var challenge: [UInt8]?
    /// Of who waits for it.
    var alarm: Alarm?

    init(id: UInt32, after linesHeard: UInt64) {
        self.id = id
        linesBefore = linesHeard
    }

    /// False where the line before has not been heard.
    func take(_ line: DovecotLine) -> Bool {
        // While its client is to answer a challenge, it may lose patience.
        if case .refused = line {} else if self.line != nil { return false }
        if case .challenge = line {} else { isOver = true }
        self.line = line
        alarm.take()?.turnOff()
        return true
    }

    func fail(_ failure: DovecotFailure) {
        self.failure = failure
        alarm.take()?.turnOff()
    }
}
