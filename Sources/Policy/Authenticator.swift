public import Lookup
public import Wire

/// Something that knows who may, and perhaps where to.
///
/// One instance a shard, so that it needs no locks; its method runs on the session's shard and must not block it. It
/// bounds its own time: a session waits until it answers, unless it is cancelled.
public protocol Authenticator: AnyObject {
    /// For logs and metrics: from the configuration.
    var name: String { get }

    /// Whether it wants to know the client's host name: the session waits for that before it asks.
    var needsClientName: Bool { get }

    /// What a client is asked to sign, where it does not speak first (CRAM-MD5). Without this method Mailrace makes it.
    func challenge(
        for mechanism: SASLMechanism, _ facts: SessionFacts, cancellation: Cancellation
    ) async -> AuthenticationChallenge

    func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome
}

extension Authenticator {
    public var needsClientName: Bool { false }

    public func challenge(
        for mechanism: SASLMechanism, _ facts: SessionFacts, cancellation: Cancellation
    ) async -> AuthenticationChallenge { .own }
}

/// What a client is to sign.
public enum AuthenticationChallenge {
    /// What Mailrace makes.
    case own
    /// What the authenticator has made.
    case given(GivenChallenge)
    /// Nobody can say just now. The text is for the log: one line, safe to print, without secrets.
    case unavailable(LocalReply, because: String)
}

/// A challenge that an authenticator has made. It comes back in the credentials (`Credentials.Proof.digest`).
///
/// Whoever asked for it holds it for as long as the client may answer; when it goes, its author is told.
public final class GivenChallenge {
    /// The longest, in bytes.
    public static let limitBytes = 1_024

    /// Not base64; one at least.
    public let bytes: [UInt8]
    private let isForgotten: () -> Void

    /// Nil where there are no bytes, or too many.
    ///
    /// - Parameter isForgotten: called once, on the shard: nobody will answer any more.
    public init?(_ bytes: [UInt8], isForgotten: @escaping () -> Void = {}) {
        guard 1...Self.limitBytes ~= bytes.count else { return nil }
        self.bytes = bytes
        self.isForgotten = isForgotten
    }

    deinit { isForgotten() }
}

/// What is to be decided.
public struct AuthenticationAttempt {
    public let facts: SessionFacts
    /// What the client has shown. Nil: it does not authenticate, and the question is whether it may go on and where to,
    /// with the MAIL and RCPT of the facts.
    public let credentials: Credentials?
    /// By which the session takes the question back.
    public let cancellation: Cancellation

    public init(facts: SessionFacts, credentials: Credentials?, cancellation: Cancellation = Cancellation()) {
        self.facts = facts
        self.credentials = credentials
        self.cancellation = cancellation
    }

    /// What the client is told where nobody can decide.
    public var unavailableReply: LocalReply {
        credentials == nil ? .decisionNotAvailable : .authenticationNotAvailable
    }
}

/// What an authenticator says.
public enum AuthenticationOutcome: Sendable {
    case accepted(Acceptance)
    case refused(Refusal)
    /// Nobody can say just now. The text is for the log: one line, safe to print, without secrets.
    case unavailable(LocalReply, because: String)
    /// A later stage decides: the client is told yes, and its credentials are kept
    /// (`SessionFacts.deferredCredentials`).
    case deferred
    /// The upstream decides: it is shown the credentials, and the client is told its answer.
    case passedOn
}

/// A yes.
public struct Acceptance: Sendable {
    /// Who the client is from now on; nil where nobody authenticated.
    public var login: [UInt8]?
    /// The server to go to; nil: one of the listener's upstream.
    public var server: ServerAddress?
    /// What to authenticate with to the upstream, where that is done; nil: what the client has shown.
    public var upstreamCredentials: Credentials?

    public init(login: [UInt8]?, server: ServerAddress? = nil, upstreamCredentials: Credentials? = nil) {
        self.login = login
        self.server = server
        self.upstreamCredentials = upstreamCredentials
    }
}

/// A no.
public struct Refusal: Sendable, Equatable {
    public var reply: LocalReply
    /// How long the client waits for it.
    public var delay = Duration.zero
    /// The session ends with the reply.
    public var closes = false
    /// What XOAUTH2 and OAUTHBEARER tell of a failure before the reply (RFC 7628 section 3.2.2), in JSON; nil: a text
    /// of Mailrace's own.
    public var errorDocument: [UInt8]?

    public init(reply: LocalReply) {
        self.reply = reply
    }
}

extension LocalReply {
    /// To MAIL or RCPT: nobody can say just now whether it is welcome.
    static let decisionNotAvailable = LocalReply(
        code: 451, status: EnhancedStatus(4, 3, 0)!, text: "Temporarily unable to decide, try again later")!
}
