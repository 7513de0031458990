import Policy
import Ring
import Wire

/// What is known of a connection to an upstream that takes one message after the other, beyond the stream and the
/// server, which its session holds.
final class UpstreamLink {
    /// Where it leads.
    let routed: EnvelopeSession.Routed
    /// What the server listed in its reply to the last EHLO.
    let offer: ServerOffer
    /// What it wants to know of each message's client for its log (XFORWARD).
    let forwarded: Set<IdentityAttribute>?
    /// Whose mail it carries; nil where the server does not know.
    var client: ClientVersion?
    /// When it was made.
    let opened: Instant
    /// Messages that it has carried to their final reply.
    var messages: Int
    var state = State.ready
    /// It has carried another message, or another session's: the server may have left meanwhile.
    var isReused = false
    /// The server has answered since it was taken for this transaction.
    var hasAnswered = false
    /// What its stream had moved when this session took it.
    let receivedBefore: UInt64
    let sentBefore: UInt64

    /// Where the server stands.
    enum State {
        /// MAIL may come.
        case ready
        /// There is a transaction that nobody wants: RSET comes before MAIL.
        case stale
        /// It has taken MAIL of the transaction.
        case mail
        /// It has part of a message. Whatever else it would be sent would be part of it, too: it can only be closed.
        case message
    }

    /// Who a client was when an upstream was told.
    struct ClientVersion: Equatable {
        /// How often it had introduced itself anew.
        let introductions: Int
        let login: [UInt8]?
    }

    init(
        to routed: EnvelopeSession.Routed, offering offer: ServerOffer, forwarding forwarded: Set<IdentityAttribute>?,
        as client: ClientVersion?, opened: Instant
    ) {
        self.routed = routed
        self.offer = offer
        self.forwarded = forwarded
        self.client = client
        self.opened = opened
        messages = 0
        receivedBefore = 0
        sentBefore = 0
    }

    /// Takes over a connection that another session has left.
    init(to routed: EnvelopeSession.Routed, by kept: IdleConnection) {
        self.routed = routed
        offer = kept.offer
        forwarded = kept.forwarded
        client = nil
        opened = kept.opened
        messages = kept.messages
        receivedBefore = kept.stream.bytesReceived
        sentBefore = kept.stream.bytesSent
    }

    /// Who may take over a connection to where this one leads.
    static func key(of destination: Destination) -> IdleConnection.Key {
        IdleConnection.Key(server: destination.server, verifiesTLS: destination.verifiesTLS)
    }

    /// Whether it leads where the transaction goes, for this client.
    func fits(_ other: EnvelopeSession.Routed, for client: ClientVersion, at now: Instant) -> Bool {
        guard state != .message, !isWornOut(at: now), serves(client) else { return false }
        return routed.pool === other.pool && routed.destination.isSamePlace(as: other.destination)
    }

    /// Whether mail of this client may go by it.
    func serves(_ client: ClientVersion) -> Bool { self.client == nil || self.client == client }

    /// It has carried its share, or as much as the server takes by one connection (RFC 9422).
    private func isWornOut(at now: Instant) -> Bool {
        guard state != .mail else { return false }
        let policy = routed.pool.settings.reuse
        let most = min(policy.messagesMax, offer.transactionsMax ?? .max)
        return messages >= most || now >= opened + policy.ageMax
    }

    // MARK: What the server takes

    /// Why the server cannot be given a message with these commands; nil: it can.
    ///
    /// - Parameter isVerified: the connection is inside TLS, and the server's certificate is sound.
    func objection(to mail: MailCommand, isVerified: Bool) -> LocalReply? {
        if mail.usesSMTPUTF8, !offer.offers(.smtpUTF8) { return .smtpUTF8NotTaken }
        if mail.requiresTLS, !(isVerified && offer.offers(.requireTLS)) { return .requireTLSNotPossible }
        switch mail.body {
        case .eightBitMIME where !offer.offers(.eightBitMIME): return .eightBitNotTaken
        case .binaryMIME where !(offer.offers(.binaryMIME) && offer.offers(.chunking)): return .binaryNotTaken
        default: break
        }
        let most = offer.messageBytesMax
        if let size = mail.size, most > 0, size > most { return .messageTooLarge }
        return objection(to: mail.parameters)
    }

    func objection(to rcpt: RcptCommand) -> LocalReply? { objection(to: rcpt.parameters) }

    /// What is left out without harm is no reason.
    private func objection(to parameters: [EnvelopeParameter]) -> LocalReply? {
        parameters.contains { !offer.takes($0) && !$0.isDispensable } ? .parameterNotTaken : nil
    }

    /// The commands in the one form that all read alike, with those parameters that the server has a word for. Who
    /// submitted the message is left out: it is the word of a client that nobody has reason to trust in that (RFC 4954
    /// section 5).
    func line(of mail: MailCommand) -> [UInt8] {
        envelopeLine(
            "MAIL FROM:<", mail.sender?.address ?? [],
            mail.parameters.filter { $0.keyword != "AUTH" && offer.takes($0) })
    }

    func line(of rcpt: RcptCommand) -> [UInt8] {
        envelopeLine("RCPT TO:<", rcpt.recipient.address, rcpt.parameters.filter(offer.takes))
    }
}

extension EnvelopeParameter {
    /// A server that does not know it does what was asked for all the same, or the message is looked at for that.
    fileprivate var isDispensable: Bool { ["SIZE", "BODY", "AUTH"].contains(keyword) }
}

/// Room for most parameters, such as `BODY=8BITMIME`, with the space before it.
private let parameterBytes = 16

/// MAIL or RCPT.
func envelopeLine(_ start: String, _ address: [UInt8], _ parameters: [EnvelopeParameter]) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(start.utf8.count + address.count + parameterBytes * parameters.count + ">\r\n".utf8.count)
    line += start.utf8
    line += address
    line.append(UInt8(ascii: ">"))
    for parameter in parameters {
        line.append(UInt8(ascii: " "))
        line += parameter.rendered
    }
    line += "\r\n".utf8
    return line
}
