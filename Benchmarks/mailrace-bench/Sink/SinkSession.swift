import Ring
import Wire

/// The server's side of one SMTP session (RFC 5321), or LMTP session (RFC 2033). It takes everything from everybody,
/// but for the faults that it is to make.
final class SinkSession {
    let sink: SinkShard
    let stream: Stream
    private var lines: LineReader
    var stage = Stage.connected
    /// Recipients of the transaction.
    private(set) var recipients = 0
    /// What has come of a message by BDAT.
    var intake: MessageIntake?
    var isAuthenticated = false

    enum Stage {
        case connected, greeted, hasSender, hasRecipient
        /// Some of a message has come, and not its end.
        case hasPart
    }
    enum Next { case goOn, close }

    private static let commandLimitBytes = 4_096
    private static let recipientsLimit = 50_000

    init(_ sink: SinkShard, _ stream: Stream) {
        self.sink = sink
        self.stream = stream
        lines = LineReader(stream, limitBytes: Self.commandLimitBytes)
    }

    /// Serves until either side ends it. The stream is left open, to be ended in the way that is returned.
    func run() async -> Ending {
        var ending = Ending.close
        do throws(SinkStop) {
            var next = try await open()
            while next == .goOn {
                stream.deadline = sink.nextDeadline
                next = try await answer(try await readLine { line in try? Command(line: line) })
            }
        } catch .lineTooLong {
            queue("421 4.5.2 Line too long")
        } catch .drop(let way) {
            sink.report.dropped += 1
            ending = way
        } catch {
            // The client is gone, or the sink ends: nobody is left to be told.
        }
        if stage == .hasPart { sink.report.incomplete += 1 }
        return ending
    }

    private func answer(_ command: Command?) async throws(SinkStop) -> Next {
        let argument = command?.argument ?? []
        let isLMTP = sink.settings.isLMTP
        switch command?.verb {
        case .lhlo where isLMTP, .ehlo where !isLMTP:
            return try await take(.ehlo, from: nil, to: .greeted, capabilities)
        case .helo where !isLMTP: return try await take(.ehlo, from: nil, to: .greeted, "250 sink.example")
        case .mail: return try await take(.mail, from: [.greeted], to: .hasSender, "250 2.1.0 OK")
        case .rcpt: return try await rcpt()
        case .data: return try await data()
        case .bdat: return try await bdat(argument)
        case .starttls where sink.tls != nil: return try await startTLS(argument)
        case .auth where sink.settings.authenticates: return try await authenticate(argument)
        case .xclient where sink.settings.takesXclient: return try await xclient(argument)
        case .rset:
            forgetTransaction()
            return try await reply("250 2.0.0 OK")
        case .noop: return try await reply("250 2.0.0 OK")
        case .quit:
            if let next = try await fault(.quit) { return next }
            _ = try await reply("221 2.0.0 Bye")
            return .close
        default: return try await reply("500 5.5.2 Command not recognised")
        }
    }

    private var capabilities: String {
        let settings = sink.settings
        var lines = ["sink.example", "PIPELINING", "SIZE \(settings.messageLimitBytes)", "8BITMIME", "CHUNKING"]
        if sink.tls != nil, stream.layer == nil { lines.append("STARTTLS") }
        if settings.authenticates { lines.append("AUTH PLAIN LOGIN CRAM-MD5") }
        if settings.takesXclient { lines.append("XCLIENT \(Self.xclientAttributes.joined(separator: " "))") }
        lines.append("ENHANCEDSTATUSCODES")
        return lines.dropLast().map { "250-\($0)\r\n" }.joined() + "250 \(lines[lines.count - 1])"
    }

    private func rcpt() async throws(SinkStop) -> Next {
        guard stage == .hasSender || stage == .hasRecipient else { return try await wrongSequence() }
        guard recipients < Self.recipientsLimit else { return try await reply("452 4.5.3 Too many recipients") }
        if let next = try await fault(.rcpt) { return next }
        stage = .hasRecipient
        recipients += 1
        return try await reply("250 2.1.5 OK")
    }

    /// Answers a command that belongs to certain stages and leads to another, unless it is to be refused.
    private func take(
        _ phase: Fault.Phase, from stages: Set<Stage>?, to next: Stage, _ text: String
    ) async throws(SinkStop) -> Next {
        if let stages, !stages.contains(stage) { return try await wrongSequence() }
        if let next = try await fault(phase) { return next }
        forgetTransaction()
        stage = next
        return try await reply(text)
    }

    /// Back to before MAIL.
    func forgetTransaction() {
        intake = nil
        recipients = 0
        if stage != .connected { stage = .greeted }
    }

    // MARK: Replies

    func wrongSequence() async throws(SinkStop) -> Next { try await reply("503 5.5.1 Bad sequence of commands") }

    /// What goes wrong at this point; nil where nothing does. Delays are over then.
    func fault(_ phase: Fault.Phase) async throws(SinkStop) -> Next? {
        let met = sink.meet(phase)
        try await pause(met.delay)
        if let drop = met.drop { throw .drop(drop) }
        guard let code = met.refusal else { return nil }
        return try await refuse(code)
    }

    func refuse(_ code: Int) async throws(SinkStop) -> Next {
        _ = try await reply(Self.refusal(code))
        return code == 421 ? .close : .goOn
    }

    static func refusal(_ code: Int) -> String { "\(code) \(code / 100).3.0 Refused as asked" }

    func reply(_ text: String) async throws(SinkStop) -> Next {
        try await pause(sink.settings.faults.replyDelay)
        queue(text)
        return .goOn
    }

    func queue(_ text: String) {
        stream.queue(Array(text.utf8) + [0x0d, 0x0a])
    }

    // MARK: Waiting

    func readLine<Result>(_ read: (Span<UInt8>) -> Result) async throws(SinkStop) -> Result {
        do throws(LineReader.Failure) {
            return try await lines.next(read)
        } catch {
            switch error {
            case .stream(let error): throw .stream(error)
            case .lineTooLong: throw .lineTooLong
            }
        }
    }

    func flush() async throws(SinkStop) {
        do throws(StreamError) { try await stream.flush() } catch { throw .stream(error) }
    }

    func waitForInput() async throws(SinkStop) {
        do throws(StreamError) { try await stream.waitForInput() } catch { throw .stream(error) }
    }

    /// Waits for `duration`, whatever the client sends meanwhile; throws where it goes away.
    func pause(_ duration: Duration) async throws(SinkStop) {
        guard duration > .zero else { return }
        do throws(StreamError) {
            try await stream.flush()
            let end = sink.ring.now + duration
            stream.deadline = end
            while sink.ring.now < end {
                do throws(StreamError) {
                    try await stream.waitForInput()
                } catch .timedOut where sink.ring.now >= end {
                    break
                }
            }
        } catch {
            throw .stream(error)
        }
        stream.deadline = sink.nextDeadline
    }
}

/// Why a sink's session ends before QUIT.
enum SinkStop: Error {
    case stream(StreamError)
    case lineTooLong
    /// As was asked for.
    case drop(Ending)
    /// What came cannot begin a session.
    case noSession
}
