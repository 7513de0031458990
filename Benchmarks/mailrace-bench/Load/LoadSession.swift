import Ring
import Wire

/// One session of a load run: from connecting to QUIT.
struct LoadSession {
    private let load: LoadShard
    private let number: Int

    /// Messages are sent in pieces of about this size, in bytes.
    private static let pieceBytes = 128 << 10

    init(_ load: LoadShard, _ number: Int) {
        self.load = load
        self.number = number
    }

    /// Runs the session and notes how it went.
    func run() async {
        let begin = Instant.current()
        var left = load.settings.messages
        do throws(SessionFailure) {
            let client = try await SMTPClient.connect(load.ring, to: load.target, timeout: load.settings.timeout)
            do throws(SessionFailure) {
                try await converse(client, &left)
            } catch {
                await client.abandon()
                throw error
            }
            load.report.sessionTimes.record(nanoseconds: Instant.current().nanoseconds(since: begin))
            load.report.sessionsDone += 1
            await client.close()
        } catch {
            load.report.note(error)
        }
        load.report.messagesFailed += left
    }

    private func converse(_ client: SMTPClient, _ left: inout Int) async throws(SessionFailure) {
        try await client.greet(as: load.settings.helo)
        if load.settings.pipelines {
            try client.require("PIPELINING", for: .ehlo)
            try await deliverPipelined(client, &left)
        } else {
            try await deliverStepByStep(client, &left)
            client.queue("QUIT")
        }
        try await client.expect(2, .quit)
    }

    private func deliverStepByStep(_ client: SMTPClient, _ left: inout Int) async throws(SessionFailure) {
        while left > 0 {
            let begin = Instant.current()
            client.queue(mailCommand)
            try await client.expect(2, .mail)
            client.queue(rcptCommand)
            try await client.expect(2, .rcpt)
            client.queue("DATA")
            try await client.expect(3, .data)
            try await send(messageNumber(left), client)
            try await client.expect(2, .end)
            note(messageNumber(left), begin)
            left -= 1
        }
    }

    /// As RFC 2920 allows: MAIL, RCPT and DATA go together, and with the end of the message before.
    private func deliverPipelined(_ client: SMTPClient, _ left: inout Int) async throws(SessionFailure) {
        var begin = Instant.current()
        queueEnvelope(client)
        while left > 0 {
            try await client.expect(2, .mail)
            try await client.expect(2, .rcpt)
            try await client.expect(3, .data)
            try await send(messageNumber(left), client)
            let end = Instant.current()
            if left > 1 { queueEnvelope(client) } else { client.queue("QUIT") }
            try await client.expect(2, .end)
            note(messageNumber(left), begin)
            begin = end
            left -= 1
        }
    }

    private var mailCommand: String { "MAIL FROM:<\(load.settings.sender)>" }
    private var rcptCommand: String { "RCPT TO:<\(load.settings.recipient)>" }

    private func queueEnvelope(_ client: SMTPClient) {
        client.queue("\(mailCommand)\r\n\(rcptCommand)\r\nDATA")
    }

    /// The number of the session's message before which `left` are left, itself included.
    private func messageNumber(_ left: Int) -> UInt64 {
        UInt64(number * load.settings.messages + load.settings.messages - left)
    }

    /// Sends a message but for its last piece, which waits for what follows it.
    private func send(_ number: UInt64, _ client: SMTPClient) async throws(SessionFailure) {
        var writer = MessageWriter(load.content, number: number)
        while true {
            writer.append(to: &load.piece, until: Self.pieceBytes)
            client.stream.queue(load.piece)
            load.piece.removeAll(keepingCapacity: true)
            if writer.isComplete { return }
            try await client.flush(.content)
        }
    }

    private func note(_ number: UInt64, _ begin: Instant) {
        load.report.messagesAccepted += 1
        load.report.bytesAccepted += load.settings.bodyBytes
        _ = load.report.accepted.insert(number)
        load.report.messageTimes.record(nanoseconds: Instant.current().nanoseconds(since: begin))
    }
}
