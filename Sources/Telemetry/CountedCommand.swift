/// The commands of clients that are counted before the hand-off: a fixed set, so that the series stay few whatever
/// clients say.
public enum CountedCommand: Int, CaseIterable, Sendable {
    case helo, ehlo, lhlo, starttls, auth, mail, rcpt, data, bdat, rset, noop, quit, vrfy, expn, help, xclient, xforward
    /// Any other word.
    case other

    /// The value of the label `command`.
    public var label: String { self == .other ? "other" : "\(self)".uppercased() }
}
