import Ring
import TLS
import Wire

/// The client's side of one SMTP session, step by step. It must be ended by `close` or `abandon`.
///
/// Commands are asked, one or several, and their replies settled then, so that what is pipelined (RFC 2920) and what is
/// not read alike.
///
/// Not Sendable: it lives on its shard, and one task at a time uses it.
final class SMTPClient {
    let stream: Stream
    private let ring: Ring
    private let timeout: Duration
    /// Present where the times of steps are noted.
    private let recorder: StepRecorder?
    private var lines: LineReader
    private var assembler = ReplyAssembler()
    /// What the server said to the latest EHLO.
    private var capabilities: Reply?
    private(set) var tls: TLSEngine?

    /// A reply that is to come.
    private struct Awaited {
        let phase: Phase
        /// 2 for 2xx.
        let replyClass: Int
        /// When what it answers was given to be sent.
        let asked: Instant
    }
    /// Replies to come, in their order, and how many of them have come.
    private var awaited: [Awaited] = []
    private var settled = 0

    /// How long the server may take to close after its last reply.
    private static let farewellLimit = Duration.seconds(5)

    private init(_ ring: Ring, _ stream: Stream, timeout: Duration, recorder: StepRecorder?) {
        self.ring = ring
        self.stream = stream
        self.timeout = timeout
        self.recorder = recorder
        lines = LineReader(stream, limitBytes: Reply.lineLimitBytes)
    }

    /// Opens a connection.
    ///
    /// - Parameter timeout: how long this, and each later step, may take.
    static func connect(
        _ ring: Ring, to address: SocketAddress, timeout: Duration, recorder: StepRecorder?
    ) async throws(SessionFailure) -> SMTPClient {
        let begin = Instant.current()
        do throws(StreamError) {
            let stream = try await ring.connect(to: address, deadline: ring.now + timeout)
            recorder?.times.record(.connect, nanoseconds: Instant.current().nanoseconds(since: begin))
            return SMTPClient(ring, stream, timeout: timeout, recorder: recorder)
        } catch {
            throw SessionFailure(error, .connect)
        }
    }

    // MARK: Steps

    func readGreeting() async throws(SessionFailure) {
        let asked = Instant.current()
        let greeting = try await readReply(.greeting)
        guard greeting.code == 220 else { throw SessionFailure(greeting, .greeting) }
        record(.greeting, since: asked)
    }

    /// - Parameter hello: the command: EHLO, or LMTP's LHLO.
    func sayHello(_ hello: String, as name: String) async throws(SessionFailure) {
        capabilities = try await command("\(hello) \(name)", .ehlo)
    }

    /// Asks for TLS (RFC 3207). The handshake is to follow, and EHLO to be said again.
    func startTLS() async throws(SessionFailure) {
        try require("STARTTLS", for: .starttls)
        try await command("STARTTLS", .starttls)
        guard stream.buffered == 0 else { throw SessionFailure(.tls, .starttls, "plaintext behind the reply") }
        capabilities = nil
    }

    /// Carries out the handshake, sending first what is queued.
    func secure(
        _ context: TLSClientContext, serverName: String?, session: TLSSession?
    ) async throws(SessionFailure) {
        let engine: TLSEngine
        do throws(TLSConfigurationError) {
            engine = try TLSEngine(client: context, serverName: serverName, session: session)
        } catch {
            throw SessionFailure(.tls, .handshake, error.description)
        }
        try await flush(.handshake)
        let begin = Instant.current()
        do throws(StreamError) {
            try await stream.secure(with: engine)
        } catch {
            guard error == .insecure else { throw SessionFailure(error, .handshake) }
            throw SessionFailure(.tls, .handshake, engine.failure?.description ?? "handshake failed")
        }
        record(.handshake, since: begin)
        tls = engine
    }

    func authenticate(_ credentials: Credentials) async throws(SessionFailure) {
        try require("AUTH", for: .auth)
        switch credentials.mechanism {
        case .plain:
            try await command("AUTH PLAIN \(credentials.plainResponse)", .auth)
        case .login:
            try await command("AUTH LOGIN", .auth, 3)
            try await command(Base64.encoded(Array(credentials.user.utf8)), .auth, 3)
            try await command(Base64.encoded(Array(credentials.password.utf8)), .auth)
        case .cramMD5:
            let reply = try await command("AUTH CRAM-MD5", .auth, 3)
            guard let challenge = reply.texts.first.flatMap({ Base64.decoded($0) }) else {
                throw SessionFailure(.syntax, .auth, "a challenge that is not in Base64")
            }
            let response = CramMD5.response(to: challenge, user: credentials.user, password: credentials.password)
            try await command(Base64.encoded(response), .auth)
        }
    }

    /// Makes sure that the latest reply to EHLO lists `keyword`.
    func require(_ keyword: String, for phase: Phase) throws(SessionFailure) {
        guard let capabilities, let capability = Capability(keyword), capabilities.offers(capability) else {
            throw SessionFailure(.unsupported, phase, "\(keyword) is not offered")
        }
    }

    // MARK: Asking and settling

    /// Adds a command to what is sent next, and notes that a reply of this class (2 for 2xx) is to come.
    func ask(_ command: String, _ phase: Phase, _ replyClass: Int = 2) {
        stream.queue(Array(command.utf8) + [0x0d, 0x0a])
        awaitReply(phase, replyClass)
    }

    /// Notes that a reply is to come to what has been queued by now.
    func awaitReply(_ phase: Phase, _ replyClass: Int = 2) {
        awaited.append(Awaited(phase: phase, replyClass: replyClass, asked: Instant.current()))
    }

    /// Replies to come.
    var awaitedCount: Int { awaited.count - settled }

    /// Whether a reply to the end of a message is to come.
    var awaitsEnd: Bool { awaited[settled...].contains { $0.phase == .end } }

    /// Sends what is queued and waits for the replies to come, but for the last `count`. A reply of another class than
    /// was asked for is a failure, and still to come then. Returns the last one.
    @discardableResult
    func settle(leaving count: Int = 0) async throws(SessionFailure) -> Reply? {
        var last: Reply?
        while awaitedCount > count {
            let next = awaited[settled]
            let reply = try await readReply(next.phase)
            record(next.phase, since: next.asked)
            guard reply.code / 100 == next.replyClass else { throw SessionFailure(reply, next.phase) }
            settled += 1
            last = reply
        }
        if settled == awaited.count {
            awaited.removeAll(keepingCapacity: true)
            settled = 0
        }
        return last
    }

    /// Asks one command and waits for its reply.
    @discardableResult
    func command(_ text: String, _ phase: Phase, _ replyClass: Int = 2) async throws(SessionFailure) -> Reply {
        ask(text, phase, replyClass)
        guard let reply = try await settle() else { preconditionFailure("a command without a reply") }
        return reply
    }

    /// Sends what is queued.
    func flush(_ phase: Phase) async throws(SessionFailure) {
        stream.deadline = ring.now + timeout
        do throws(StreamError) { try await stream.flush() } catch { throw SessionFailure(error, phase) }
    }

    private func record(_ phase: Phase, since begin: Instant) {
        guard let recorder else { return }
        recorder.times.record(phase, nanoseconds: Instant.current().nanoseconds(since: begin))
    }

    private func readReply(_ phase: Phase) async throws(SessionFailure) -> Reply {
        stream.deadline = ring.now + timeout
        while true {
            let outcome: Result<Reply?, ReplyError>
            do throws(LineReader.Failure) {
                outcome = try await lines.next { line in
                    Result { () throws(ReplyError) in try assembler.add(line) }
                }
            } catch {
                switch error {
                case .stream(let error): throw SessionFailure(error, phase)
                case .lineTooLong: throw SessionFailure(.syntax, phase, "\(ReplyError.lineTooLong)")
                }
            }
            do throws(ReplyError) {
                if let reply = try outcome.get() { return reply }
            } catch {
                throw SessionFailure(.syntax, phase, "\(error)")
            }
        }
    }

    // MARK: Resting and ending

    /// Lets the session stand idle: no deadline runs until the next step.
    func rest() {
        stream.deadline = .never
        // Thousands of them may rest: what they have asked is long answered.
        awaited = []
        settled = 0
    }

    /// Ends the session in order, once the reply to QUIT has been read or is not waited for.
    func close() async {
        await stream.closeGracefully(within: Self.farewellLimit)
    }

    /// Ends the connection at once.
    func abandon() async {
        await stream.close()
    }
}
