import Telemetry

/// What is noted of a transaction for the log and for metrics.
enum TransactionOutcome {
    /// The server that it went to.
    struct Upstream {
        let server: String
        let tls: SessionRecord.TLSFacts?
        /// The connection had carried others before.
        let isReused: Bool
    }

    /// The last reply that the client got about it.
    struct Answer {
        let code: Int
        /// As it went out, its line ends included. Of the upstream's making where that has answered: escape it.
        let bytes: [UInt8]
        let origin: MessageRecord.Origin
    }

    enum End {
        /// The upstream has said 250, and so has Mailrace.
        case accepted
        /// The client was told no, at the end of the message or for all recipients before.
        case refused
        /// The upstream had all of the message, and nobody knows what has become of it.
        case ambiguous
        /// The client gave it up, by RSET, EHLO or QUIT.
        case givenUp
        /// The client was lost, or took too long.
        case clientLost
        /// A drain ended it.
        case drained
    }

    /// In nanoseconds; nil for what it did not come to.
    struct Durations {
        /// The routes, of all recipients.
        var route: UInt64?
        /// The connection for the first recipient, up to the answer to EHLO.
        var connect: UInt64?
        /// MAIL and the first RCPT.
        var envelope: UInt64?
        /// From DATA to the last byte of the message.
        var data: UInt64?
        /// From there to the upstream's final reply.
        var finalReply: UInt64?
    }
}
