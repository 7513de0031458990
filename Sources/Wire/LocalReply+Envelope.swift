/// The replies that the `envelope` depth needs, beside those about AUTH.
extension LocalReply {
    /// To a client that speaks HTTP. Closes.
    public static let noWebServer = LocalReply(stated: 221, 2, 7, 0, "This is no web server")
    /// To HELP.
    public static let help = LocalReply(stated: 214, 2, 0, 0, "See RFC 5321")
    /// To MAIL.
    public static let senderOk = LocalReply(stated: 250, 2, 1, 0, "Ok")
    /// To VRFY (RFC 5321 section 7.3).
    public static let notVerified = LocalReply(stated: 252, 2, 0, 0, "Not verified here, mail to it will tell")

    /// The client failed to authenticate more often than it may. Closes.
    public static let tooManyAuthenticationFailures = LocalReply(
        stated: 421, 4, 7, 0, "Too many failed authentications, closing connection")

    /// No upstream answers.
    public static let upstreamNotReachable = LocalReply(stated: 451, 4, 4, 1, "Upstream not reachable")
    /// The upstream has gone, or does not answer any more.
    public static let upstreamLost = LocalReply(stated: 451, 4, 4, 2, "Upstream connection lost")
    /// The upstream ends the session (421), in the middle of a transaction.
    public static let upstreamLeaves = LocalReply(stated: 451, 4, 4, 1, "Upstream closes its session")
    /// The upstream does not speak SMTP.
    public static let upstreamNotUnderstood = LocalReply(stated: 451, 4, 3, 0, "Upstream reply not valid")
    /// The upstream is to have TLS and cannot be given it.
    public static let upstreamNotSecure = LocalReply(stated: 451, 4, 7, 5, "Upstream TLS not available")
    /// The upstream cannot be told who the client is.
    public static let upstreamNotInformed = LocalReply(
        stated: 451, 4, 3, 5, "Upstream does not take what it must know")

    /// Whoever decides has put that off, and there is nobody else to ask.
    public static let decisionPutOff = LocalReply(stated: 451, 4, 3, 5, "No decision about this mail")

    /// A message that is far too large goes on. Closes.
    public static let messageNotRead = LocalReply(
        stated: 421, 4, 3, 4, "Message too large to read, closing connection")
    /// To DATA with an argument.
    public static let dataTakesNoParameter = LocalReply(stated: 501, 5, 5, 4, "DATA takes no parameter")

    /// To a word that is no command.
    public static let commandNotKnown = LocalReply(stated: 500, 5, 5, 2, "Command not recognised")
    /// To a command that is known and off.
    public static let commandNotImplemented = LocalReply(stated: 502, 5, 5, 1, "Command not implemented")
    /// To XCLIENT and XFORWARD of those who may not.
    public static let notAuthorised = LocalReply(stated: 550, 5, 7, 0, "Not authorised to do that")
}
