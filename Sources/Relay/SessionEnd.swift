import Telemetry
import Wire

/// How and why a session ends before its hand-off, with what the client is told and what is counted. Thrown by
/// whichever step finds that the session cannot go on.
///
/// A class, so that every step that may throw it reserves one word for it and not a whole reply.
final class SessionEnd: Error {
    let end: SessionRecord.End
    let endedBy: SessionRecord.Party
    let counter: Counter?
    let farewell: Farewell

    /// No server was found.
    var isWithoutServer: Bool { end == .upstreamUnreachable || end == .upstreamFull }

    /// The last thing the client gets.
    enum Farewell {
        /// Nothing: the client is gone, or is out of step with the dialogue, so that any reply would answer the wrong
        /// command.
        case silence
        /// A reply of Mailrace's own.
        case own(LocalReply)
        /// A reply of the upstream, as it came.
        case relayed(Reply)

        /// It is a no for good.
        var isPermanent: Bool {
            switch self {
            case .silence: false
            case .own(let reply): reply.code / 100 == 5
            case .relayed(let reply): reply.isPermanentFailure
            }
        }
    }

    init(
        _ end: SessionRecord.End, by endedBy: SessionRecord.Party, counting counter: Counter? = nil,
        saying farewell: Farewell = .silence
    ) {
        self.end = end
        self.endedBy = endedBy
        self.counter = counter
        self.farewell = farewell
    }
}

extension SessionEnd {
    static let clientClosed = SessionEnd(.clientClosed, by: .client)
    static let clientReset = SessionEnd(.clientReset, by: .client)
    static let clientDesync = SessionEnd(.clientDesync, by: .client, counting: .sessionsDownstreamDesync)
    static let commandTimeout = SessionEnd(
        .commandTimeout, by: .client, counting: .sessionsCommandTimeout, saying: .own(.idleTimeout))
    static let badPipeline = SessionEnd(
        .badPipeline, by: .client, counting: .sessionsBadPipeline, saying: .own(.badPipelining))
    static let badSequence = SessionEnd(
        .badSequence, by: .client, counting: .sessionsBadEhlo, saying: .own(.badSequence))
    static let endlessLine = SessionEnd(.badLine, by: .client, saying: .own(.endlessLine))
    static let tooManyErrors = SessionEnd(.badLine, by: .client, saying: .own(.tooManyErrors))
    static let tlsRequired = SessionEnd(
        .tlsRequired, by: .client, counting: .sessionsTLSRequired, saying: .own(.starttlsRequired))
    static let quit = SessionEnd(.quit, by: .client, saying: .own(.bye))

    /// The client did not wait for the greeting, which was held back to see that.
    static let earlyTalker = SessionEnd(.earlyTalker, by: .client, saying: .own(.badPipelining))
    static let notSMTP = SessionEnd(.notSMTP, by: .client, saying: .own(.noWebServer))
    /// Mistakes, or commands of any kind.
    static let tooManyCommands = SessionEnd(.tooManyCommands, by: .client, saying: .own(.tooManyErrors))
    static let tooManyAuthenticationFailures = SessionEnd(
        .authenticationFailed, by: .client, saying: .own(.tooManyAuthenticationFailures))
    /// Whoever decides does not want the session.
    static func unwelcome(_ reply: LocalReply) -> SessionEnd {
        SessionEnd(.unwelcome, by: .mailrace, saying: .own(reply))
    }

    /// What came was no PROXY header; nobody is there who would understand a reply.
    static let badProxyHeader = SessionEnd(.badProxyHeader, by: .client, counting: .sessionsBadProxyHeader)
    static let proxyHeaderTimeout = SessionEnd(.proxyHeaderTimeout, by: .client, counting: .sessionsBadProxyHeader)

    static func tooManyOfAddress(isTold: Bool) -> SessionEnd {
        SessionEnd(
            .refusedAddress, by: .mailrace, counting: .sessionsRefusedAddress,
            saying: isTold ? .own(.tooManySessionsOfAddress) : .silence)
    }

    static func tooOften(isTold: Bool) -> SessionEnd {
        SessionEnd(
            .refusedRate, by: .mailrace, counting: .sessionsRefusedRate, saying: isTold ? .own(.tooOften) : .silence)
    }

    static let upstreamTLSNotOffered = SessionEnd(
        .upstreamTLSNotOffered, by: .upstream, saying: .own(.upstreamTLSNotAvailable))
    /// STARTTLS was answered with something else than 220; that has been counted.
    static let upstreamTLSRefused = SessionEnd(
        .upstreamTLSRefused, by: .upstream, saying: .own(.upstreamTLSNotAvailable))
    static let upstreamTLSFailed = SessionEnd(
        .upstreamTLSFailed, by: .upstream, counting: .sessionsUpstreamSSLErr, saying: .own(.upstreamTLSNotAvailable))

    /// All servers have as many connections as they may.
    static let upstreamFull = SessionEnd(
        .upstreamFull, by: .mailrace, counting: .sessionsUpstreamFull, saying: .own(.serviceNotAvailable))
    /// The upstream does not want the session, which the client has been greeted for already.
    static let upstreamRefused = SessionEnd(
        .upstreamRefused, by: .upstream, counting: .sessionsUpstreamRefused, saying: .own(.serviceNotAvailable))
    /// The upstream's greeting was a temporary refusal, and another server is tried.
    static let upstreamDeclined = SessionEnd(
        .upstreamRefused, by: .upstream, counting: .sessionsUpstreamRefused, saying: .own(.serviceNotAvailable))

    /// The upstream has refused something, and the client is to hear its own words. It is not to hear what is no
    /// refusal: a 235 to EHLO would be a yes to its AUTH.
    static func refused(_ reply: Reply) -> SessionEnd {
        guard reply.isTransientFailure || reply.isPermanentFailure else { return .upstreamBadReply }
        return SessionEnd(.upstreamRefused, by: .upstream, counting: .sessionsUpstreamRefused, saying: .relayed(reply))
    }
    /// The upstream offers no way to tell it what it must know.
    static let upstreamNotInformed = SessionEnd(
        .upstreamRefused, by: .upstream, counting: .sessionsUpstreamRefused, saying: .own(.upstreamNotInformed))

    static let upstreamUnreachable = SessionEnd(
        .upstreamUnreachable, by: .upstream, counting: .sessionsUpstreamConnectFail, saying: .own(.serviceNotAvailable))
    static let upstreamClosed = SessionEnd(
        .upstreamClosed, by: .upstream, counting: .sessionsUpstreamEarlyClose, saying: .own(.serviceNotAvailable))
    static let upstreamReset = SessionEnd(
        .upstreamReset, by: .upstream, counting: .sessionsUpstreamEarlyClose, saying: .own(.serviceNotAvailable))
    static let upstreamDesync = SessionEnd(.upstreamDesync, by: .upstream, counting: .sessionsUpstreamDesync)
    static let upstreamBadReply = SessionEnd(
        .upstreamBadReply, by: .upstream, counting: .sessionsUpstreamBadReply, saying: .own(.upstreamReplyNotValid))
    static let replyTimeout = SessionEnd(
        .replyTimeout, by: .upstream, counting: .sessionsCommandTimeout, saying: .own(.serviceNotAvailable))

    static let drained = SessionEnd(
        .drained, by: .mailrace, counting: .sessionsDrained, saying: .own(.shuttingDown))
    /// As `drained`, once there is no time left to say so.
    static let aborted = SessionEnd(.drained, by: .mailrace, counting: .sessionsDrained)

    /// The upstream's 421 is relayed, wherever in the dialogue it comes.
    static func upstream421(_ reply: Reply) -> SessionEnd {
        SessionEnd(.upstream421, by: .upstream, counting: .sessionsUpstream421, saying: .relayed(reply))
    }
}
