/// The ways to authenticate that Mailrace knows (RFC 4954; RFC 4422 section 3.1 on their names).
public enum SASLMechanism: String, Sendable, CaseIterable, CustomStringConvertible {
    /// RFC 4616.
    case plain = "PLAIN"
    /// Never an RFC; what clients of Microsoft's made common.
    case login = "LOGIN"
    /// RFC 2195.
    case cramMD5 = "CRAM-MD5"
    /// RFC 4422 appendix A: who the client is, its certificate has said.
    case external = "EXTERNAL"
    /// Google's, with a bearer token.
    case xoauth2 = "XOAUTH2"
    /// RFC 7628.
    case oauthbearer = "OAUTHBEARER"

    /// The mechanism that the bytes name, in any case of letters.
    public init?(_ name: Span<UInt8>) {
        let found = Self.allCases.first { mechanism in
            let known = mechanism.rawValue.utf8
            return known.count == name.count
                && zip(known, 0..<name.count).allSatisfy { $0 == name[$1].uppercased }
        }
        guard let found else { return nil }
        self = found
    }

    /// The name of the mechanism as EHLO lists it.
    public var description: String { rawValue }

    /// Whether the secret itself is sent, so that whoever listens on a line without TLS has it.
    public var sendsSecretInClear: Bool {
        switch self {
        case .plain, .login, .xoauth2, .oauthbearer: true
        case .cramMD5, .external: false
        }
    }
}
