/// Leaves out of a client's lines what may be a password, so that they can be written down.
///
/// That is whatever stands behind the name of a mechanism in AUTH (RFC 4954 section 4), and every line from there on
/// that does not begin with a command's name: such a line may be one of the answers that follow AUTH, even where none
/// was asked for. What is merely like AUTH is treated as AUTH.
public struct CredentialFilter: Sendable {
    /// What stands in the place of something left out.
    public static let mark = "[redacted]"

    /// Names that are shown. Any other word behind AUTH may be an answer that has lost its mechanism.
    private static let mechanisms = [
        "ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "GSSAPI", "LOGIN", "NTLM", "OAUTHBEARER", "PLAIN",
        "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2",
    ].map { [UInt8]($0.utf8) }
    private static let name: [UInt8] = Array("AUTH".utf8)

    private var mayHaveSeenAUTH = false

    public init() {}

    /// A line did not come by here: it was AUTH, or was dropped for its length and may have been, for the lines of AUTH
    /// may be longer than any other's.
    public mutating func noteUnseenLine() {
        mayHaveSeenAUTH = true
    }

    /// The line as it may be shown, without its line end.
    public mutating func shown(_ line: [UInt8]) -> [UInt8] {
        let line = line.prefix { $0 != .lineFeed && $0 != .carriageReturn }
        let words = line.drop { $0 <= .space || $0 == 0x7f }
        if words.prefix(Self.name.count).map(\.uppercased) == Self.name {
            mayHaveSeenAUTH = true
            return Self.shown(behindAUTH: words.dropFirst(Self.name.count))
        }
        guard mayHaveSeenAUTH else { return Array(line) }
        let length = line.prefix { $0 != .space }.count
        return Verb(Array(line).span, length: length) == .unknown ? Array(Self.mark.utf8) : Array(line)
    }

    private static func shown(behindAUTH rest: ArraySlice<UInt8>) -> [UInt8] {
        var shown = name
        var rest = rest[...]
        if rest.first == .space {
            let word = rest.dropFirst().prefix { $0 != .space }
            if mechanisms.contains(word.map(\.uppercased)) {
                shown += [.space] + word
                rest = rest[word.endIndex...]
            }
        }
        return rest.allSatisfy(\.isBlank) ? shown : shown + [.space] + Array(mark.utf8)
    }
}
