import Ring
import TLS
import Wire

/// The server's side of one SMTP session (RFC 5321). It takes everything from everybody.
final class SinkSession {
    let sink: SinkShard
    let stream: Stream
    private var lines: LineReader
    private var stage = Stage.connected

    private enum Stage { case connected, greeted, hasSender, hasRecipient }
    enum Next { case goOn, close }

    private static let commandLimitBytes = 4_096

    init(_ sink: SinkShard, _ stream: Stream) {
        self.sink = sink
        self.stream = stream
        lines = LineReader(stream, limitBytes: Self.commandLimitBytes)
    }

    /// Serves until either side ends it. The stream is left open.
    func run() async {
        do throws(LineReader.Failure) {
            var next = try await greet()
            while next == .goOn {
                stream.deadline = sink.nextDeadline
                let command = try await lines.next { line in try? Command(line: line) }
                next = try await answer(command)
            }
        } catch .lineTooLong {
            stream.queue(Array("421 4.5.2 Line too long\r\n".utf8))
        } catch {
            // The client is gone, or the sink ends: nobody is left to be told.
        }
    }

    private func greet() async throws(LineReader.Failure) -> Next {
        try await pause(sink.settings.greetingDelay)
        if let refusal = refusal(at: .connect) {
            queue(refusal.reply)
            return .close
        }
        queue("220 sink.example ESMTP mailrace-bench")
        return .goOn
    }

    private func answer(_ command: Command?) async throws(LineReader.Failure) -> Next {
        switch command?.verb {
        case .ehlo: return try await take(.helo, from: nil, to: .greeted, capabilities)
        case .helo: return try await take(.helo, from: nil, to: .greeted, "250 sink.example")
        case .mail: return try await take(.mail, from: [.greeted], to: .hasSender, "250 2.1.0 OK")
        case .rcpt: return try await take(.rcpt, from: [.hasSender, .hasRecipient], to: .hasRecipient, "250 2.1.5 OK")
        case .data: return try await data()
        case .starttls where sink.tls != nil: return try await startTLS(command?.argument ?? [])
        case .rset:
            if stage != .connected { stage = .greeted }
            return try await reply("250 2.0.0 OK")
        case .noop: return try await reply("250 2.0.0 OK")
        case .quit:
            _ = try await reply("221 2.0.0 Bye")
            return .close
        default: return try await reply("500 5.5.2 Command not recognised")
        }
    }

    private var capabilities: String {
        var lines = ["sink.example", "PIPELINING", "SIZE \(sink.settings.messageLimitBytes)", "8BITMIME"]
        if sink.tls != nil, stream.layer == nil { lines.append("STARTTLS") }
        lines.append("ENHANCEDSTATUSCODES")
        return lines.dropLast().map { "250-\($0)\r\n" }.joined() + "250 \(lines[lines.count - 1])"
    }

    /// Answers a command that belongs to certain stages and leads to another, unless it is to be refused.
    private func take(
        _ phase: Refusal.Phase, from stages: Set<Stage>?, to next: Stage, _ text: String
    ) async throws(LineReader.Failure) -> Next {
        if let stages, !stages.contains(stage) { return try await reply("503 5.5.1 Bad sequence of commands") }
        if let refusal = refusal(at: phase) { return try await refuse(refusal) }
        stage = next
        return try await reply(text)
    }

    private func data() async throws(LineReader.Failure) -> Next {
        guard stage == .hasRecipient else { return try await reply("503 5.5.1 Bad sequence of commands") }
        if let refusal = refusal(at: .data) { return try await refuse(refusal) }
        _ = try await reply("354 End data with <CR><LF>.<CR><LF>")
        stage = .greeted
        let message: ReceivedMessage
        do throws(StreamError) {
            message = try await receiveMessage()
        } catch {
            sink.report.incomplete += 1
            throw .stream(error)
        }
        if let refusal = refusal(at: .end) {
            sink.report.refused += 1
            return try await refuse(refusal)
        }
        guard message.length <= sink.settings.messageLimitBytes else {
            sink.report.refused += 1
            return try await reply("552 5.3.4 Message too long")
        }
        guard await keep(message) else {
            sink.report.refused += 1
            return try await reply("452 4.3.1 Message cannot be written")
        }
        return try await reply("250 2.0.0 OK")
    }

    /// RFC 3207. What was said before it is forgotten, and nothing may have been sent behind it.
    private func startTLS(_ argument: [UInt8]) async throws(LineReader.Failure) -> Next {
        guard argument.isEmpty else { return try await reply("501 5.5.4 STARTTLS takes no parameter") }
        guard let context = sink.tls, stream.layer == nil, stage != .connected else {
            return try await reply("503 5.5.1 Bad sequence of commands")
        }
        _ = try await reply("220 2.0.0 Ready to start TLS")
        do throws(StreamError) {
            try await stream.flush()
            guard stream.buffered == 0 else { return .close }
            try await stream.secure(with: TLSEngine(server: context))
        } catch {
            sink.report.tlsFailures += 1
            throw .stream(error)
        }
        sink.report.tlsSessions += 1
        stage = .connected
        return .goOn
    }

    // MARK: Replies

    private func refusal(at phase: Refusal.Phase) -> Refusal? {
        guard let refusal = sink.settings.refusal, refusal.phase == phase else { return nil }
        return refusal
    }

    private func refuse(_ refusal: Refusal) async throws(LineReader.Failure) -> Next {
        _ = try await reply(refusal.reply)
        return refusal.closes ? .close : .goOn
    }

    private func reply(_ text: String) async throws(LineReader.Failure) -> Next {
        try await pause(sink.settings.replyDelay)
        queue(text)
        return .goOn
    }

    private func queue(_ text: String) {
        stream.queue(Array(text.utf8) + [0x0d, 0x0a])
    }

    /// Waits for `duration`, whatever the client sends meanwhile; throws where it goes away.
    private func pause(_ duration: Duration) async throws(LineReader.Failure) {
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
