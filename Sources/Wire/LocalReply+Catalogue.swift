/// The replies that the `tunnel` depth needs.
extension LocalReply {
    /// To STARTTLS (RFC 3207 section 4). RFC 2034 section 3 exempts only the greeting and the replies to HELO and EHLO,
    /// so that this 220 has an enhanced status.
    public static let readyToStartTLS = LocalReply(stated: 220, 2, 0, 0, "Ready to start TLS")
    /// To QUIT.
    public static let bye = LocalReply(stated: 221, 2, 0, 0, "Bye")
    /// To NOOP and RSET.
    public static let ok = LocalReply(stated: 250, 2, 0, 0, "Ok")

    /// No upstream answers. Closes.
    public static let serviceNotAvailable = LocalReply(stated: 421, 4, 3, 2, "Service not available")
    /// The process ends, and with it this session. Closes.
    public static let shuttingDown = LocalReply(stated: 421, 4, 3, 2, "Service shutting down")
    /// There are as many sessions as are allowed. Closes.
    public static let tooManySessions = LocalReply(stated: 421, 4, 3, 2, "Too many sessions, try again later")
    /// The client's address has as many sessions as it may. Closes.
    public static let tooManySessionsOfAddress = LocalReply(stated: 421, 4, 7, 0, "Too many sessions from your address")
    /// The client's address comes more often than it may. Closes.
    public static let tooOften = LocalReply(stated: 421, 4, 7, 0, "Too many connections from your address, slow down")
    /// The upstream is to have TLS and cannot be given it. Closes.
    public static let upstreamTLSNotAvailable = LocalReply(stated: 421, 4, 7, 5, "Upstream TLS not available")
    /// The client was silent for too long. Closes.
    public static let idleTimeout = LocalReply(stated: 421, 4, 4, 2, "Idle timeout, closing connection")
    /// The upstream does not speak SMTP. Closes.
    public static let upstreamReplyNotValid = LocalReply(stated: 421, 4, 3, 0, "Upstream reply not valid")
    /// The end of an over-long line was not found within reason. Closes.
    public static let endlessLine = LocalReply(stated: 421, 4, 5, 2, "Line too long, closing connection")
    /// The client made more mistakes than are allowed. Closes.
    public static let tooManyErrors = LocalReply(stated: 421, 4, 7, 0, "Too many errors, closing connection")

    /// To STARTTLS where there is no TLS just now (RFC 3207 section 4).
    public static let tlsNotAvailable = LocalReply(stated: 454, 4, 7, 0, "TLS not available due to temporary reason")

    /// To a command line above its limit (RFC 5321 section 4.5.3.1.4).
    public static let lineTooLong = LocalReply(stated: 500, 5, 5, 2, "Line too long")
    /// To a line that is no command.
    public static let syntaxError = LocalReply(stated: 500, 5, 5, 2, "Syntax error")
    /// To STARTTLS with an argument (RFC 3207 section 4).
    public static let starttlsTakesNoParameter = LocalReply(stated: 501, 5, 5, 4, "STARTTLS takes no parameter")
    /// To a command that does not belong here.
    public static let badSequence = LocalReply(stated: 503, 5, 5, 1, "Bad sequence of commands")
    /// To bytes that came before their time, above all those behind STARTTLS. Closes.
    public static let badPipelining = LocalReply(stated: 503, 5, 5, 0, "Improper command pipelining")
    /// To anything but what RFC 3207 section 4 allows before TLS, where TLS is required.
    public static let starttlsRequired = LocalReply(stated: 530, 5, 7, 0, "Must issue a STARTTLS command first")
}
