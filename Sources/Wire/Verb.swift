/// The commands that Mailrace tells apart (RFC 5321 section 4.1.1, and the extensions that a relay meets).
///
/// A name that it does not know is not an error here: whether the upstream knows it is the upstream's to say.
public enum Verb: String, Sendable, CaseIterable {
    case helo, ehlo
    /// LMTP's greeting (RFC 2033).
    case lhlo
    /// RFC 3207.
    case starttls
    /// RFC 4954.
    case auth
    case mail, rcpt, data
    /// RFC 3030.
    case bdat
    case rset, noop, quit, vrfy, expn, help
    /// Postfix: another client's identity for the session.
    case xclient
    /// Postfix: another client's identity for the log.
    case xforward
    /// Any other word, and none at all.
    case unknown

    private static let spellings = allCases.map { (verb: $0, name: [UInt8]($0.rawValue.utf8).map(\.uppercased)) }

    /// The verb that the first `length` bytes of `line` spell, in any case of letters.
    init(_ line: Span<UInt8>, length: Int) {
        let known = Self.spellings.first { spelling in
            guard spelling.name.count == length else { return false }
            for index in 0..<length where line[index].uppercased != spelling.name[index] { return false }
            return true
        }
        self = known?.verb ?? .unknown
    }
}
