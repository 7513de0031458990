import Ring
import TLS
import Wire

/// The client's side of one SMTP session, step by step. It must be ended by `quit` or `abandon`.
///
/// Not Sendable: it lives on its shard, and one task at a time uses it.
final class SMTPClient {
    let stream: Stream
    private let ring: Ring
    private let timeout: Duration
    private var lines: LineReader
    private var assembler = ReplyAssembler()
    /// What the server said to the latest EHLO.
    private var capabilities: Reply?

    /// How long the server may take to close after its last reply.
    private static let farewellLimit = Duration.seconds(5)

    private init(_ ring: Ring, _ stream: Stream, timeout: Duration) {
        self.ring = ring
        self.stream = stream
        self.timeout = timeout
        lines = LineReader(stream, limitBytes: Reply.lineLimitBytes)
    }

    /// Opens a connection.
    ///
    /// - Parameter timeout: how long this, and each later step, may take.
    static func connect(
        _ ring: Ring, to address: SocketAddress, timeout: Duration
    ) async throws(SessionFailure) -> SMTPClient {
        do throws(StreamError) {
            let stream = try await ring.connect(to: address, deadline: ring.now + timeout)
            return SMTPClient(ring, stream, timeout: timeout)
        } catch {
            throw SessionFailure(error, .connect)
        }
    }

    /// Reads the greeting, then says EHLO.
    func greet(as name: String) async throws(SessionFailure) {
        let greeting = try await readReply(.greeting)
        guard greeting.code == 220 else { throw SessionFailure(greeting, .greeting) }
        try await sayHello(as: name)
    }

    func sayHello(as name: String) async throws(SessionFailure) {
        queue("EHLO \(name)")
        capabilities = try await expect(2, .ehlo)
    }

    /// Asks for TLS and carries out the handshake (RFC 3207). EHLO is to be said again.
    func startTLS(_ context: TLSClientContext, serverName: String?) async throws(SessionFailure) {
        try require("STARTTLS", for: .starttls)
        queue("STARTTLS")
        try await expect(2, .starttls)
        guard stream.buffered == 0 else { throw SessionFailure(.tls, .starttls, "plaintext behind the reply") }
        let engine: TLSEngine
        do throws(TLSConfigurationError) {
            engine = try TLSEngine(client: context, serverName: serverName)
        } catch {
            throw SessionFailure(.tls, .starttls, error.description)
        }
        stream.deadline = ring.now + timeout
        do throws(StreamError) {
            try await stream.secure(with: engine)
        } catch {
            guard error == .insecure else { throw SessionFailure(error, .starttls) }
            throw SessionFailure(.tls, .starttls, engine.failure?.description ?? "handshake failed")
        }
        capabilities = nil
    }

    /// Makes sure that the latest reply to EHLO lists `keyword`.
    func require(_ keyword: String, for phase: Phase) throws(SessionFailure) {
        guard let capabilities, let capability = Capability(keyword), capabilities.offers(capability) else {
            throw SessionFailure(.unsupported, phase, "\(keyword) is not offered")
        }
    }

    /// Adds a command to what is sent next: by the next `expect`, at the latest.
    func queue(_ command: String) {
        stream.queue(Array(command.utf8) + [0x0d, 0x0a])
    }

    /// Sends what is queued.
    func flush(_ phase: Phase) async throws(SessionFailure) {
        stream.deadline = ring.now + timeout
        do throws(StreamError) { try await stream.flush() } catch { throw SessionFailure(error, phase) }
    }

    /// Waits for the next reply, which is to be of the class given (2 for 2xx); anything else is a failure.
    @discardableResult
    func expect(_ replyClass: Int, _ phase: Phase) async throws(SessionFailure) -> Reply {
        let reply = try await readReply(phase)
        guard reply.code / 100 == replyClass else { throw SessionFailure(reply, phase) }
        return reply
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

    /// Lets the session stand idle: no deadline runs until the next step.
    func rest() {
        stream.deadline = .never
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
