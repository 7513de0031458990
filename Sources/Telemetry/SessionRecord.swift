/// The one line that the log gets for a session, when it has ended.
///
/// It holds facts about the conversation, never credentials or content. Whatever a peer could have written into it is
/// escaped and cut when the line is made.
public struct SessionRecord: Sendable {
    public var id: SessionID
    /// The listener's name.
    public var listener: String
    /// When the client was accepted.
    public var start: UTCTime
    /// From then to the end, in milliseconds.
    public var durationMilliseconds: Int64 = 0
    /// The client's address and port, `192.0.2.1:4711` or `[2001:db8::1]:4711`.
    public var client: String
    /// The proxy that told who the client is; nil if the client came itself.
    public var proxy: String?
    /// The server's that was connected; nil if none was.
    public var upstream: String?
    /// How the client introduced itself last; nil if it did not.
    public var greeting: Greeting?
    /// What it called itself there, whatever that is, cut to `greetingNameBytesMax` bytes; nil if it did not.
    public var greetingName: String?
    private var authentication = Authentication.none
    /// The client's TLS; nil if no handshake was completed.
    public var tls: TLSFacts?
    /// What was wrong with the client's handshake, in one word of the TLS target's; nil if nothing was.
    public var tlsFailure: String?
    /// The common name in the client's certificate; nil if it showed none.
    public var clientCertificate: String?
    /// The upstream's TLS; nil if no handshake was completed.
    public var upstreamTLS: TLSFacts?
    /// What was wrong with the upstream's TLS or its certificate, in one word; nil if nothing was.
    public var upstreamTLSFailure: String?
    /// Bytes from the client that went to the upstream, without TLS framing.
    public var bytesUpstream: UInt64 = 0
    /// Bytes from the upstream that went to the client, without TLS framing.
    public var bytesDownstream: UInt64 = 0
    public static let greetingNameBytesMax = 64
    public static let loginBytesMax = 255
    public var phase = Phase.connect
    public var end = End.internalError
    public var endedBy = Party.mailrace

    /// A record to be filled in while the session goes on. Until it says otherwise the session ended by an internal
    /// error.
    public init(id: SessionID, listener: String, start: UTCTime, client: String) {
        self.id = id
        self.listener = listener
        self.start = start
        self.client = client
    }
}

// MARK: Authentication

extension SessionRecord {
    /// A word in the record, which is moved about: most sessions have none.
    private indirect enum Authentication: Sendable {
        case none
        case known(login: String?, decision: String?)

        var login: String? {
            if case .known(let login, _) = self { login } else { nil }
        }

        var decision: String? {
            if case .known(_, let decision) = self { decision } else { nil }
        }
    }

    /// Who it has authenticated as, cut to `loginBytesMax` bytes; nil if it has not.
    public var login: String? {
        get { authentication.login }
        set { authentication = .known(login: newValue, decision: authentication.decision) }
    }

    /// What the authenticator said last, in one word; nil if none was asked.
    public var decision: String? {
        get { authentication.decision }
        set { authentication = .known(login: authentication.login, decision: newValue) }
    }
}

extension SessionRecord {
    /// The command by which a client says who it is (RFC 5321 section 4.1.1.1).
    public enum Greeting: String, CaseIterable, Sendable {
        case helo = "HELO"
        case ehlo = "EHLO"
    }

    /// What was agreed in a TLS handshake.
    public struct TLSFacts: Sendable, Hashable {
        /// As OpenSSL names it: `TLSv1.3`.
        public var version: String
        /// As OpenSSL names it: `TLS_AES_256_GCM_SHA384`.
        public var cipher: String
        /// The handshake was shortened by a session ticket.
        public var resumed: Bool

        public init(version: String, cipher: String, resumed: Bool) {
            self.version = version
            self.cipher = cipher
            self.resumed = resumed
        }
    }

    /// Where a session stands, in the order in which it usually goes.
    public enum Phase: String, CaseIterable, Sendable {
        /// The proxy in front is to say who the client is.
        case proxyHeader = "proxy_header"
        /// An upstream server is being connected.
        case connect
        /// The upstream is to greet.
        case greeting
        /// The client is to say EHLO or HELO.
        case ehlo
        /// The upstream is to answer that.
        case ehloReply = "ehlo_reply"
        /// The client has been offered STARTTLS and is to choose.
        case starttls
        /// The TLS handshake with the client goes on.
        case handshake
        /// The client is to say EHLO again, inside TLS.
        case ehloTLS = "ehlo_tls"
        /// The upstream is to answer that.
        case ehloTLSReply = "ehlo_tls_reply"
        /// The upstream is to answer STARTTLS.
        case upstreamStartTLS = "upstream_starttls"
        /// The TLS handshake with the upstream goes on.
        case upstreamHandshake = "upstream_handshake"
        /// At envelope depth: the client is to give a command.
        case command
        /// The client is to answer a challenge of AUTH.
        case authentication
        /// The authenticator is to say whether the client may go on, and where to.
        case decision
        /// The upstream is to answer XCLIENT or XFORWARD.
        case upstreamIdentity = "upstream_identity"
        /// The upstream is to answer AUTH.
        case upstreamAuthentication = "upstream_authentication"
        /// The upstream is to answer the client's MAIL and RCPT.
        case envelope
        /// The client sends a message, which goes on as it comes.
        case data
        /// The upstream is to answer the end of a message.
        case finalReply = "final_reply"
        /// Handed off: bytes go both ways unread.
        case passthrough
    }

    /// How a session ended.
    public enum End: String, CaseIterable, Sendable {
        /// Both sides closed in order after the hand-off, whoever was first.
        case completed
        /// The client said QUIT before the hand-off, and Mailrace answered it.
        case quit
        /// The client closed, in order, at a point where it should not have.
        case clientClosed = "client_closed"
        case clientReset = "client_reset"
        /// The upstream closed, in order, at a point where it should not have.
        case upstreamClosed = "upstream_closed"
        case upstreamReset = "upstream_reset"
        /// The upstream said 421 before the hand-off.
        case upstream421 = "upstream_421"
        /// No server of the upstream could be connected.
        case upstreamUnreachable = "upstream_unreachable"
        case upstreamBadReply = "upstream_bad_reply"
        /// The upstream spoke out of turn.
        case upstreamDesync = "upstream_desync"
        /// The client spoke out of turn.
        case clientDesync = "client_desync"
        case badLine = "bad_line"
        /// The client's message held what makes one message look like two, or went on beyond all bounds. Mail servers
        /// send such messages without meaning ill.
        case badMessage = "bad_message"
        case badPipeline = "bad_pipeline"
        /// A command came that has no place there.
        case badSequence = "bad_sequence"
        /// The listener requires STARTTLS and the client did not take it.
        case tlsRequired = "tls_required"
        /// The handshake failed; `tlsFailure` says why.
        case tlsFailed = "tls_failed"
        /// The handshake took too long.
        case tlsTimeout = "tls_timeout"
        /// The upstream offers no STARTTLS, and TLS is required there.
        case upstreamTLSNotOffered = "upstream_tls_not_offered"
        /// The upstream refused STARTTLS, and TLS is required there.
        case upstreamTLSRefused = "upstream_tls_refused"
        /// The handshake with the upstream failed; `upstreamTLSFailure` says why.
        case upstreamTLSFailed = "upstream_tls_failed"
        /// All servers had as many connections as they may.
        case upstreamFull = "upstream_full"
        /// The upstream refused a client that Mailrace had greeted.
        case upstreamRefused = "upstream_refused"
        /// The client spoke before it was greeted, where it must not.
        case earlyTalker = "early_talker"
        /// The client spoke HTTP.
        case notSMTP = "not_smtp"
        /// The client made more mistakes, or gave more commands, than it may.
        case tooManyCommands = "too_many_commands"
        /// The client failed to authenticate as often as it may.
        case authenticationFailed = "authentication_failed"
        /// A check or the authenticator refused the client, and the session with it.
        case unwelcome
        /// What came in place of a PROXY header was none.
        case badProxyHeader = "bad_proxy_header"
        /// The PROXY header did not come in time.
        case proxyHeaderTimeout = "proxy_header_timeout"
        /// The client's address had as many sessions as it may.
        case refusedAddress = "refused_address"
        /// The client's address came more often than it may.
        case refusedRate = "refused_rate"
        /// The client let the time for a command pass.
        case commandTimeout = "command_timeout"
        /// The upstream let the time for a reply pass.
        case replyTimeout = "reply_timeout"
        /// Neither side sent anything for too long after the hand-off.
        case idleTimeout = "idle_timeout"
        /// The session had lived for as long as it may.
        case sessionTimeout = "session_timeout"
        /// The session moved fewer bytes than it must.
        case tooSlow = "too_slow"
        /// A drain ended it.
        case drained
        /// The process was told a second time to stop.
        case stopped
        /// A resource was missing, or Mailrace has a fault.
        case internalError = "internal_error"
    }

    /// Who brought a session to its end.
    public enum Party: String, CaseIterable, Sendable {
        case client
        case upstream
        case mailrace
    }
}
