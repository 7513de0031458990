/// The replies to AUTH, and to those who ought to have used it (RFC 4954 sections 4 and 6).
extension LocalReply {
    /// Who the client is, is known.
    public static let authenticated = LocalReply(stated: 235, 2, 7, 0, "Authentication successful")
    /// Nobody can say just now who the client is.
    public static let authenticationNotAvailable = LocalReply(
        stated: 454, 4, 7, 0, "Temporary authentication failure")
    /// To a line of the exchange above its limit.
    public static let authenticationLineTooLong = LocalReply(stated: 500, 5, 5, 6, "Authentication line too long")
    /// To a line of the exchange that is not base 64.
    public static let authenticationNotBase64 = LocalReply(stated: 501, 5, 5, 2, "Cannot decode authentication data")
    /// To AUTH without a mechanism, or with more than an initial response.
    public static let authSyntax = LocalReply(stated: 501, 5, 5, 4, "Syntax: AUTH mechanism [initial-response]")
    /// To `*`.
    public static let authenticationCancelled = LocalReply(stated: 501, 5, 7, 0, "Authentication cancelled")
    /// To an initial response where the server speaks first.
    public static let initialResponseNotAllowed = LocalReply(
        stated: 501, 5, 7, 0, "Initial response not allowed with this mechanism")
    /// To what the mechanism cannot read.
    public static let authenticationNotValid = LocalReply(stated: 501, 5, 5, 2, "Authentication data not valid")
    /// To a second AUTH behind one that succeeded, and to one within a transaction.
    public static let authNotNow = LocalReply(stated: 503, 5, 5, 1, "AUTH not allowed now")
    /// To a mechanism that is not offered.
    public static let mechanismNotKnown = LocalReply(stated: 504, 5, 5, 4, "Authentication mechanism not supported")
    /// To a command that needs AUTH before it.
    public static let authenticationRequired = LocalReply(stated: 530, 5, 7, 0, "Authentication required")
    /// To credentials that are not right.
    public static let authenticationFailed = LocalReply(stated: 535, 5, 7, 8, "Authentication credentials invalid")
    /// To AUTH in the clear where a password would be heard.
    public static let encryptionRequired = LocalReply(
        stated: 538, 5, 7, 11, "Encryption required for requested authentication mechanism")
}
