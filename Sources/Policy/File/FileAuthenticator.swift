public import Ring
import TLS
import Wire

/// Looks users up in a file of passwords (`PasswordStore`).
///
/// A hash takes a tenth of a second on a thread of `Offload`; how many may wait for one is the pool's limit, beyond
/// which nobody can say. An unknown user takes as long as a wrong password. Tokens are refused, and so is a client that
/// does not authenticate: a file knows no recipients.
public final class FileAuthenticator: Authenticator {
    public let name: String
    private let store: PasswordStore
    private let offload: Offload

    /// - Parameters:
    ///   - store: one for all shards.
    ///   - offload: one for all shards and for hashes alone.
    public init(_ name: String, _ store: PasswordStore, on offload: Offload) {
        self.name = name
        self.store = store
        self.offload = offload
    }

    public func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        guard let credentials = attempt.credentials else {
            return .refused(Refusal(reply: .authenticationRequired))
        }
        let user: [UInt8]
        if case .certificate = credentials.proof {
            guard let name = attempt.facts.tls?.verifiedName else { return Self.refused }
            user = name
        } else {
            user = credentials.user
        }
        let actsAs = credentials.authorisationIdentity
        guard !user.isEmpty, actsAs.isEmpty || actsAs == user else { return Self.refused }
        do throws(Offload.Refused) {
            switch try await offload.run({ [store] in Self.answer(user, credentials.proof, store) }) {
            case true?: return .accepted(Acceptance(login: user))
            case false?: return Self.refused
            case nil: return .unavailable(attempt.unavailableReply, because: "there is no file of passwords")
            }
        } catch {
            return .unavailable(attempt.unavailableReply, because: "too many passwords are being looked at")
        }
    }

    private static let refused = AuthenticationOutcome.refused(Refusal(reply: .authenticationFailed))

    /// Nil where there is no file.
    private static func answer(_ user: [UInt8], _ proof: Credentials.Proof, _ store: PasswordStore) -> Bool? {
        guard let file = store.current() else { return nil }
        let entry = file.entry(of: user)
        switch proof {
        case .password(let password):
            guard let hash = entry?.hash else {
                if let decoy = file.decoy { _ = PasswordHash.matches(decoy, password) }
                return false
            }
            return PasswordHash.matches(hash, password)
        case .digest(let digest, let challenge):
            guard let secret = entry?.sharedSecret else { return false }
            return digest.isCramMD5(of: challenge, by: secret)
        case .certificate: return entry?.mayShowCertificate ?? false
        case .token: return false
        }
    }
}

extension ClientTLS {
    /// The common name of the client's certificate, where that was verified.
    fileprivate var verifiedName: [UInt8]? {
        guard verification?.outcome == .verified else { return nil }
        return certificate?.commonName.map { Array($0.utf8) }
    }
}

extension Secret {
    /// Whether these are the digits that RFC 2195 makes of a challenge with a secret.
    fileprivate func isCramMD5(of challenge: [UInt8], by secret: Secret) -> Bool {
        let digest = secret.withBytes { key in KeyedDigest.md5(of: challenge.span, key: key) }
        let digits = digest.flatMap { byte in
            [byte >> 4, byte & 0xF].map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "a") + $0 - 10 }
        }
        return !digits.isEmpty && isSame(as: digits.span)
    }
}
