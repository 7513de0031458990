/// The one line that the log gets for a transaction, where Mailrace stays in the protocol: when it has ended, with a
/// message or without. A transaction in which nobody was named has none.
///
/// It holds who writes to whom, how, and what became of it; never credentials or content. Whatever a peer could have
/// written into it is escaped and cut when the line is made.
public struct MessageRecord: Sendable {
    /// The session's id.
    public var session: SessionID
    /// Which of the session's transactions, from 1.
    public var transaction: Int
    /// The listener's name.
    public var listener: String
    /// When MAIL came.
    public var start: UTCTime
    /// From then to the end, in milliseconds.
    public var totalMilliseconds: Int64 = 0
    /// The client's address and port, as in the session's line.
    public var client: String
    /// Who the session has authenticated as, as in the session's line.
    public var login: String?
    /// The reverse-path without its angle brackets; empty for the null one.
    public private(set) var sender = ""
    /// The first recipients that were accepted, at most `recipientsShownMax`.
    public private(set) var recipients: [String] = []
    public private(set) var recipientsAccepted = 0
    public private(set) var recipientsRefused = 0
    /// The message as it came (RFC 1870 section 5); nil where none was begun.
    public var messageBytes: UInt64?
    /// Whether the client sent it by BDAT.
    public var isChunked = false
    /// By what the route was found: the name of a map; nil where nothing had to be looked for.
    public var source: String?
    /// The name of the upstream that the route leads to; nil where none was found.
    public var route: String?
    /// The upstream's server that was connected, as in the session's line; nil if none was.
    public var upstream: String?
    /// What was agreed in TLS with the server; nil without.
    public var upstreamTLS: SessionRecord.TLSFacts?
    /// Whether the connection had taken a message before.
    public var isReused = false
    public var outcome = Outcome.abandoned
    /// What the client was told last of the message, or of the recipient where there was none.
    public var reply: FinalReply?
    /// What was wrong with the message; nil if nothing was.
    public var fault: Fault?
    public var phases = Phases()

    /// Recipients that are shown; the others are counted.
    public static let recipientsShownMax = 5
    /// A path, a reply: what is kept of them.
    public static let textBytesMax = 255

    /// A record to be filled in while the transaction goes on. Until it says otherwise it was abandoned.
    public init(
        session: SessionID, transaction: Int, listener: String, start: UTCTime, client: String,
        sender: some Collection<UInt8>
    ) {
        self.session = session
        self.transaction = transaction
        self.listener = listener
        self.start = start
        self.client = client
        self.sender = Self.kept(sender)
    }

    /// - Parameter addresses: of those that were accepted; the first ones are kept.
    public mutating func noteRecipients(
        _ addresses: some Sequence<some Collection<UInt8>>, accepted: Int, refused: Int
    ) {
        recipients = addresses.prefix(Self.recipientsShownMax).map { Self.kept($0) }
        recipientsAccepted = accepted
        recipientsRefused = refused
    }

    private static func kept(_ text: some Collection<UInt8>) -> String {
        String(decoding: text.prefix(textBytesMax), as: UTF8.self)
    }
}

extension MessageRecord {
    /// What became of a message.
    public enum Outcome: String, CaseIterable, Sendable {
        /// The upstream server has accepted it (2xx).
        case accepted
        /// It was refused for good (5xx), by whomever.
        case refused
        /// It was refused for the time being (4xx), by whomever.
        case deferred
        /// It was passed on whole, and what the server says of it was lost: it may have been accepted. The client was
        /// told 451 4.4.2.
        case ambiguous
        /// The session ended, or the transaction was reset, with the message half sent.
        case abandoned
        /// The transaction ended before its message began: no recipient was accepted, or the client thought better of
        /// it.
        case unsent
    }

    /// Why a message was not passed on.
    public enum Fault: String, CaseIterable, Sendable {
        case bareCarriageReturn = "bare_carriage_return"
        case bareLineFeed = "bare_line_feed"
        case nul
        case lineTooLong = "line_too_long"
        case tooLarge = "too_large"
    }

    /// Who has made a reply.
    public enum Origin: String, CaseIterable, Sendable {
        /// The upstream server: code and text are its own.
        case upstream
        /// Mailrace itself.
        case local
    }

    /// A reply, as the client saw it.
    public struct FinalReply: Sendable, Hashable {
        public let code: Int
        /// Its last line without code and line end, whatever that is, cut to `textBytesMax` bytes.
        public let text: String
        public let origin: Origin

        public init(code: Int, text: some Collection<UInt8>, origin: Origin) {
            self.code = code
            self.text = MessageRecord.kept(text)
            self.origin = origin
        }
    }

    /// How long each part took, in milliseconds; nil for what there was none of.
    public struct Phases: Sendable, Hashable {
        /// The routes were asked.
        public var routeMilliseconds: Int64?
        /// A server was connected: up to its reply to EHLO, with all that comes before MAIL.
        public var connectMilliseconds: Int64?
        /// MAIL and the first RCPT with the server.
        public var envelopeMilliseconds: Int64?
        /// From the 354, or the first BDAT, to the end of the client's message.
        public var dataMilliseconds: Int64?
        /// From there to the final reply.
        public var finalReplyMilliseconds: Int64?

        public init() {}
    }
}
