import Policy
import Telemetry

/// What has become of one message, from its MAIL on: for the log and for metrics.
struct TransactionOutcome {
    /// Within the session, from 1 on.
    let number: Int
    /// Where it went, and by what that was found; nil where no recipient came so far.
    let destination: Destination?
    let upstream: Upstream?
    let recipientsAccepted: Int
    let recipientsRefused: Int
    /// Of the message as it was read, in bytes (RFC 1870 section 5).
    let messageBytes: Int
    /// How the client has it that the message was complete and what became of it; nil where it has heard nothing.
    let answer: Answer?
    /// Why it ended.
    let end: End
    let durations: Durations

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
        let origin: Origin
    }

    /// Whose word a reply is.
    enum Origin: String {
        case upstream, local
    }

    enum End: String {
        /// The upstream has said 250, and so has Mailrace.
        case accepted
        /// The client was told no, at the end of the message or for all recipients before.
        case refused
        /// The upstream had all of the message, and nobody knows what has become of it.
        case ambiguous
        /// The client gave it up, by RSET, EHLO or QUIT.
        case givenUp = "given_up"
        /// The client was lost, or took too long.
        case clientLost = "client_lost"
        /// A drain ended it.
        case drained
    }

    /// In nanoseconds; 0 for what it did not come to.
    struct Durations {
        /// From the first RCPT to its answer: the route, the connection, MAIL and RCPT.
        var envelope: UInt64 = 0
        /// From DATA to the last byte of the message.
        var data: UInt64 = 0
        /// From there to the upstream's final reply.
        var finalReply: UInt64 = 0
    }
}
