import Ring

/// One session of a load run: from connecting to QUIT.
struct LoadSession {
    private let load: LoadShard
    private let number: Int

    init(_ load: LoadShard, _ number: Int) {
        self.load = load
        self.number = number
    }

    /// Runs the session and notes how it went.
    func run() async {
        let begin = Instant.current()
        var left = load.settings.messages
        do throws(SessionFailure) {
            let client = try await load.client.open()
            do throws(SessionFailure) {
                try await converse(client, &left)
            } catch {
                if error.leavesDeliveryOpen, left > 0 { _ = load.report.ambiguous.insert(messageNumber(left)) }
                await client.abandon()
                throw error
            }
            load.report.sessionTimes.record(nanoseconds: Instant.current().nanoseconds(since: begin))
            load.report.sessionsDone += 1
            await client.close()
        } catch {
            load.report.failures.note(error)
        }
        load.report.messagesFailed += left
    }

    private func converse(_ client: SMTPClient, _ left: inout Int) async throws(SessionFailure) {
        if load.settings.pipelines, left > 0 {
            try client.require("PIPELINING", for: .ehlo)
            try await deliverPipelined(client, &left)
        } else {
            while left > 0 {
                let begin = Instant.current()
                try await load.client.deliver(messageNumber(left), client)
                note(messageNumber(left), begin)
                left -= 1
            }
            client.queue("QUIT")
        }
        try await client.expect(2, .quit)
    }

    /// As RFC 2920 allows: MAIL, RCPT and DATA go together, and with the end of the message before; so does QUIT.
    private func deliverPipelined(_ client: SMTPClient, _ left: inout Int) async throws(SessionFailure) {
        var begin = Instant.current()
        queueEnvelope(client)
        while left > 0 {
            try await client.expect(2, .mail)
            try await client.expect(2, .rcpt)
            try await client.expect(3, .data)
            try await load.client.sendContent(messageNumber(left), client)
            let nextBegin = Instant.current()
            if left > 1 { queueEnvelope(client) } else { client.queue("QUIT") }
            try await client.expect(2, .end)
            note(messageNumber(left), begin)
            begin = nextBegin
            left -= 1
        }
    }

    private func queueEnvelope(_ client: SMTPClient) {
        client.queue("\(load.client.mailCommand)\r\n\(load.client.rcptCommand)\r\nDATA")
    }

    /// The number, within the run, of the session's message of which `left` are left, itself included.
    private func messageNumber(_ left: Int) -> UInt64 {
        UInt64(number * load.settings.messages + load.settings.messages - left)
    }

    private func note(_ number: UInt64, _ begin: Instant) {
        load.report.messagesAccepted += 1
        load.report.bytesAccepted += load.settings.client.bodyBytes
        _ = load.report.accepted.insert(number)
        load.report.messageTimes.record(nanoseconds: Instant.current().nanoseconds(since: begin))
    }
}
