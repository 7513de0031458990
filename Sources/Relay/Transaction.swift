import Policy
import Ring
import Wire

/// One message's way, from MAIL to its final reply, where each goes its own.
final class Transaction {
    /// Within the session, from 1 on.
    let number: Int
    /// When its MAIL came.
    let begun: Instant
    /// Where its first accepted recipient goes, and with it all others.
    var routed: EnvelopeSession.Routed?
    var recipientsTried = 0
    var recipientsAccepted = 0
    /// The upstream that has accepted recipients is gone: no other has all of them.
    var isLost = false
    var durations = TransactionOutcome.Durations()
    /// The message, where it comes by BDAT.
    var chunks: Chunks?
    /// When its message began: at the 354, or with the first chunk.
    var dataStart: Instant? {
        // From here on what was said of recipients is no answer.
        didSet { answer = nil }
    }
    /// As the message was read.
    var messageBytes = 0
    /// What the client was told last about it, and by whom.
    var answer: TransactionOutcome.Answer?
    var upstream: TransactionOutcome.Upstream?
    /// What was wrong with the message.
    var fault: MessageScanner.Fault?

    init(number: Int, at begun: Instant) {
        self.number = number
        self.begun = begun
    }

    var recipientsRefused: Int { recipientsTried - recipientsAccepted }
}
