/// What a client has shown to say who it is, or what Mailrace shows to an upstream. Printed, it shows who and how, and
/// no secret; the secret is wiped when the last owner lets go.
public final class Credentials: Sendable, CustomStringConvertible, CustomReflectable {
    /// The longest identity, in bytes (RFC 4616 section 2).
    public static let identityLimitBytes = 255
    /// The longest bearer token, in bytes.
    public static let tokenLimitBytes = 8_192

    /// What stands for the identity.
    public enum Proof: Sendable {
        /// A password: PLAIN and LOGIN. One byte at least; without NUL, CR and LF.
        case password(Secret)
        /// The 32 hexadecimal digits, in small letters, of HMAC-MD5 over `challenge` with the password as the key.
        case digest(Secret, challenge: [UInt8])
        /// A bearer token of visible US-ASCII: XOAUTH2 and OAUTHBEARER. One byte at least.
        case token(Secret)
        /// The certificate of the client's TLS.
        case certificate
    }

    /// How it was said, or how it came here where nobody said it in SASL (`plain` then).
    public let mechanism: SASLMechanism
    /// The identity that authenticates, as it came: bytes without NUL, CR and LF, commonly UTF-8, at most
    /// `identityLimitBytes`. Empty where the mechanism leaves it out (EXTERNAL, OAUTHBEARER).
    public let user: [UInt8]
    /// The identity to act as, of the same form; empty where it is that of the user.
    public let authorisationIdentity: [UInt8]
    public let proof: Proof

    /// Nil where an identity is not of the form described, or a secret is not.
    public init?(mechanism: SASLMechanism, user: [UInt8], authorisationIdentity: [UInt8] = [], proof: Proof) {
        guard Self.isIdentity(user), Self.isIdentity(authorisationIdentity), proof.isWellFormed else { return nil }
        self.mechanism = mechanism
        self.user = user
        self.authorisationIdentity = authorisationIdentity
        self.proof = proof
    }

    private static func isIdentity(_ bytes: [UInt8]) -> Bool {
        bytes.count <= identityLimitBytes && ForbiddenByte.first(in: bytes.span, length: bytes.count) == nil
    }

    public var description: String {
        let user = String(escaping: user, limitBytes: Self.identityLimitBytes)
        return "\(mechanism) \(user) \(CredentialFilter.mark)"
    }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Credentials.Proof {
    /// Whether the secret has the form that its case describes.
    var isWellFormed: Bool {
        switch self {
        case .password(let secret):
            !secret.isEmpty && secret.withBytes { ForbiddenByte.first(in: $0, length: $0.count) == nil }
        case .digest(let secret, _):
            secret.count == 32
                && secret.withBytes { $0.allSatisfy { $0.hexadecimalValue != nil && $0 == $0.lowercased } }
        case .token(let secret):
            1...Credentials.tokenLimitBytes ~= secret.count
                && secret.withBytes { $0.allSatisfy { (0x21...0x7E).contains($0) } }
        case .certificate:
            true
        }
    }
}
