/// The replies that Mailrace needs where it stays in the protocol: each message may go elsewhere.
extension LocalReply {
    /// To RCPT that would go elsewhere than those before it.
    public static let multiRouteDeferred = LocalReply(
        stated: 452, 4, 5, 3, "Recipient goes elsewhere, send it a message of its own")
    /// To RCPT above the limit (RFC 5321 section 4.5.3.1.8).
    public static let tooManyRecipients = LocalReply(stated: 452, 4, 5, 3, "Too many recipients")
    /// To the second RCPT where the upstream answers for each apart (RFC 2033).
    public static let oneRecipientOnly = LocalReply(
        stated: 452, 4, 5, 3, "One recipient a message, send it a message of its own")
    /// To RCPT that has no route.
    public static let relayDenied = relayDenied(code: 554)
    /// The same with another code of its class: some take 550 for the better word.
    public static func relayDenied(code: Int) -> LocalReply {
        LocalReply(stated: code, 5, 7, 1, "Relay access denied")
    }
    /// To RCPT whose route cannot be looked up just now.
    public static let routeNotKnown = LocalReply(stated: 451, 4, 3, 0, "Route lookup failed")
    /// To DATA, or the end of data, where every RCPT was refused (RFC 2920 section 3.1).
    public static let noValidRecipients = LocalReply(stated: 554, 5, 5, 1, "No valid recipients")

    /// To MAIL with a parameter that nobody behind takes (RFC 5321 section 4.1.1.11).
    public static let parameterNotTaken = LocalReply(stated: 555, 5, 5, 4, "Parameter not supported")
    /// To a message of 8-bit text that the upstream does not take.
    public static let eightBitNotTaken = LocalReply(
        stated: 554, 5, 6, 3, "Upstream does not take 8-bit content")
    /// To BODY=BINARYMIME that the upstream does not take.
    public static let binaryNotTaken = LocalReply(stated: 554, 5, 6, 3, "Upstream does not take binary content")
    /// To MAIL with SMTPUTF8 that the upstream does not take (RFC 6531 section 3.5).
    public static let smtpUTF8NotTaken = LocalReply(stated: 550, 5, 6, 7, "Upstream does not take SMTPUTF8")
    /// To what must stay within TLS and could not (RFC 8689 section 4.2.1).
    public static let requireTLSNotPossible = LocalReply(
        stated: 550, 5, 7, 30, "REQUIRETLS support required")

    /// To MAIL whose SIZE is above the limit, and to a message that is (RFC 1870 section 6).
    public static let messageTooLarge = LocalReply(stated: 552, 5, 3, 4, "Message too large")
    /// To a message with a byte that smuggles.
    public static let messageHoldsBareCarriageReturn = LocalReply(stated: 550, 5, 5, 2, "Message holds a bare CR")
    /// The same.
    public static let messageHoldsBareLineFeed = LocalReply(stated: 550, 5, 5, 2, "Message holds a bare LF")
    /// The same.
    public static let messageHoldsNUL = LocalReply(stated: 550, 5, 5, 2, "Message holds a NUL")
    /// To a message with a line above the limit.
    public static let lineOfMessageTooLong = LocalReply(stated: 554, 5, 6, 0, "Message holds a line that is too long")
    /// The client sends no more of its message. Closes.
    public static let dataTimeout = LocalReply(stated: 421, 4, 4, 2, "Timeout in the message, closing connection")

    /// To BDAT without recipients, behind a chunk that failed, or in the middle of DATA.
    public static let chunkOutOfPlace = LocalReply(stated: 503, 5, 5, 1, "BDAT not allowed now")
    /// The client sends more behind a chunk that was refused than is worth reading. Closes.
    public static let chunkNotRead = LocalReply(stated: 421, 4, 3, 4, "Chunk too large to read, closing connection")

    /// To a chunk that is not the last (RFC 3030 section 2).
    public static func chunkTaken(bytes: Int) -> LocalReply {
        LocalReply(stated: 250, 2, 0, 0, "\(bytes) octets received")
    }

    /// To DATA: the client begins. No enhanced status belongs to a 3xx (RFC 2034 section 4).
    public static let startData = Array("354 End data with <CR><LF>.<CR><LF>\r\n".utf8)
}

extension MessageScanner.Fault {
    /// What the client is told at the end of the message.
    public var reply: LocalReply {
        switch self {
        case .bareCarriageReturn: .messageHoldsBareCarriageReturn
        case .bareLineFeed: .messageHoldsBareLineFeed
        case .nul: .messageHoldsNUL
        case .lineTooLong: .lineOfMessageTooLong
        case .tooLarge: .messageTooLarge
        }
    }
}
