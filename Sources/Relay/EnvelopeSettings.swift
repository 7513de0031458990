public import Policy
public import Wire

/// What a listener at envelope depth does, beyond what those of all depths do: Mailrace is the SMTP server until it
/// knows who the client is, and where to.
public struct EnvelopeSettings: Sendable {
    /// What stands behind the host name in the greeting. One line of printable US-ASCII.
    public var greetingText = "ESMTP"
    /// How long the greeting is held back. Whoever speaks before it is refused; zero: nobody is.
    public var greetingDelay = Duration.zero
    /// The greeting's first line, which is sent at once where the rest is held back: programs that do not read replies
    /// take it for all of it, and speak. Nil: there is none.
    public var teaser: String?
    /// Lines of the reply to EHLO, beyond STARTTLS and AUTH: `SIZE 26214400`. Each is a keyword and its parameters.
    public var capabilities: [String] = []
    public var authentication = Authentication()
    /// Each transaction goes its own way; nil: the session does, and is opaque from then on.
    public var transactions: TransactionSettings?
    /// Who may say by XCLIENT which client it speaks for.
    public var xclientTrusted: [IPNetwork] = []
    /// A command line other than AUTH, in bytes, its CRLF included. However many come at once, all are answered.
    public var commandLineBytesMax = 4_096
    /// Commands refused, in one session, that are answered; one more ends it.
    public var errorsMax = 20
    /// Commands in one session before the hand-off; one more ends it. Where transactions go their own way: since the
    /// last message that was accepted, recipients that were accepted not counted. So are `errorsMax`, without what is
    /// put off for no fault of the client's, and `conversationTimeout`.
    public var commandsMax = 1000
    /// For all that comes before the hand-off.
    public var conversationTimeout = Duration.seconds(1800)

    /// How clients say who they are.
    public struct Authentication: Sendable {
        /// Those offered and taken. EXTERNAL is only for clients whose certificate is verified.
        public var mechanisms: [SASLMechanism] = []
        /// What becomes of a client that does not authenticate.
        public var withoutIt = WithoutIt.passes
        /// AUTH is also offered and taken outside TLS.
        public var isAllowedBeforeTLS = false
        /// PLAIN and LOGIN are taken even where they are not offered.
        public var alwaysTakesPlainAndLogin = false
        /// Failures in one session; the last of them ends it.
        public var failuresMax = 3
        /// Failures of an address, or with a name, in all sessions.
        public var failureLimits = AuthenticationFailureLimits()

        /// What becomes of a client's mail that has not authenticated.
        public enum WithoutIt: Sendable {
            /// MAIL is refused.
            case isRefused
            /// The authenticator is asked at the first recipient.
            case isAskedAbout
            /// It goes to the upstream.
            case passes
        }

        public init() {}
    }

    public init() {}
}

/// Limits of the dialogue at envelope depth.
enum EnvelopeLimits {
    /// What is read and dropped of an over-long line before the session is given up.
    static let discardedLineBytes = 64 << 10
    /// Replies that are gathered into one write.
    static let repliesGathered = 64
    /// Commands that move nothing on (NOOP, RSET, EHLO...), in one session, that are no mistake yet.
    static let idleCommands = 100
    /// What is read and dropped of messages that are too long, past their limit, before the session is given up.
    static let messageDiscardedBytes = 1 << 20
    /// The same, where messages have no limit: together with it.
    static let messageBytes = 25 << 20
    /// What is passed on at once of a message that comes behind DATA.
    static let pieceBytes = 64 << 10
    /// What is gathered of a message that comes in chunks before it is passed on.
    static let chunkBytes = 64 << 10
    /// The longest that a refusal is held back, whatever the authenticator asks for.
    static let refusalDelayMax = Duration.seconds(60)
}
