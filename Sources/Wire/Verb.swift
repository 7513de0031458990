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
    /// RFC 1985.
    case etrn
    /// Postfix: another client's identity for the session.
    case xclient
    /// Postfix: another client's identity for the log.
    case xforward
    /// Any other word, and none at all.
    case unknown

    private static let spellings = allCases.filter { $0 != .unknown }.map { verb in
        (verb: verb, key: verb.rawValue.utf8.reduce(0) { key($0, $1) })
    }

    /// All spellings have at most eight letters, in which they are compared as one number.
    private static func key(_ key: UInt64, _ letter: UInt8) -> UInt64 { key << 8 | UInt64(letter.uppercased) }

    /// The verb that begins a line, whatever follows it: to know AUTH before anything of the line is copied.
    public init(line: Span<UInt8>) {
        var length = 0
        while length < line.count, line[length] > .space { length += 1 }
        self.init(line, length: length)
    }

    /// The verb that the first `length` bytes of `line` spell, in any case of letters.
    init(_ line: Span<UInt8>, length: Int) {
        self = .unknown
        // A NUL in front would not show in the number.
        guard 1...MemoryLayout<UInt64>.size ~= length, line[0] != 0 else { return }
        var key: UInt64 = 0
        for index in 0..<length { key = Self.key(key, line[index]) }
        for spelling in Self.spellings where spelling.key == key { self = spelling.verb }
    }
}
