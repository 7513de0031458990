import Ring

/// One session of a load run: from connecting to QUIT.
struct LoadSession {
    private let load: LoadShard
    private let turn: LoadShard.Turn
    /// Messages that are not accepted yet.
    private var left: Int
    /// The message under way.
    private var message: LoadShard.Turn?

    init(_ load: LoadShard, _ turn: LoadShard.Turn) {
        self.load = load
        self.turn = turn
        left = load.settings.lasts ? .max : load.settings.messages
    }

    /// Runs the session and notes how it went.
    mutating func run() async {
        let begin = Instant.current()
        do throws(SessionFailure) {
            let client = try await load.client.open(turn.number, isTimed: turn.isCounted)
            do throws(SessionFailure) {
                try await converse(client)
            } catch {
                if error.leavesReplyOpen, client.awaitsEnd, let message {
                    _ = load.report.ambiguous.insert(UInt64(message.number))
                }
                await client.abandon()
                throw error
            }
            load.noteDone(turn, begin)
            await client.close()
        } catch {
            load.noteFailed(turn, error, messages: load.settings.lasts ? (message == nil ? 0 : 1) : left)
        }
    }

    private mutating func converse(_ client: SMTPClient) async throws(SessionFailure) {
        if load.settings.pipelines {
            try client.require("PIPELINING", for: .ehlo)
            try await deliverGrouped(client)
        } else {
            while left > 0, let next = await load.nextMessage(of: turn) {
                message = next
                let begin = Instant.current()
                try await load.client.deliver(UInt64(next.number), client)
                accept(next, begin)
            }
            client.ask("QUIT", .quit)
        }
        try await client.settle()
    }

    /// As RFC 2920 allows: MAIL, RCPT and DATA go together, and with the end of the message before; so does QUIT.
    private mutating func deliverGrouped(_ client: SMTPClient) async throws(SessionFailure) {
        message = left > 0 ? await load.nextMessage(of: turn) : nil
        var begin = Instant.current()
        if let message { try await load.client.askEnvelope(UInt64(message.number), client, isGrouped: true) }
        while let current = message {
            try await load.client.sendContent(UInt64(current.number), client, isGrouped: true)
            let replies = client.awaitedCount
            // A message that is not due yet does not go with this one.
            let isPaced = load.settings.messageRate != nil
            var next = left > 1 && !isPaced ? await load.nextMessage(of: turn) : nil
            var nextBegin = Instant.current()
            try await askNext(next, client, isLast: !isPaced)
            try await client.settle(leaving: client.awaitedCount - replies)
            accept(current, begin)
            if isPaced {
                next = left > 0 ? await load.nextMessage(of: turn) : nil
                nextBegin = Instant.current()
                try await askNext(next, client, isLast: true)
            }
            message = next
            begin = nextBegin
        }
        if client.awaitedCount == 0 { client.ask("QUIT", .quit) }
    }

    /// - Parameter isLast: whether the session ends where there is no next message.
    private func askNext(
        _ next: LoadShard.Turn?, _ client: SMTPClient, isLast: Bool
    ) async throws(SessionFailure) {
        if let next {
            try await load.client.askEnvelope(UInt64(next.number), client, isGrouped: true)
        } else if isLast {
            client.ask("QUIT", .quit)
        }
    }

    private mutating func accept(_ accepted: LoadShard.Turn, _ begin: Instant) {
        load.noteAccepted(accepted, begin)
        left -= 1
        message = nil
    }
}
