import COpenSSL

/// What is found about the peer's certificate, whether or not it decides over the connection.
public struct TLSVerification: Sendable, Equatable, CustomStringConvertible {
    /// In a word, for counters: few values, and they do not change.
    public enum Outcome: String, Sendable, CaseIterable {
        /// All that was demanded of it holds.
        case verified
        /// There is one, but nothing was demanded of it.
        case unchecked
        case noCertificate = "no_certificate"
        case expired
        case notYetValid = "not_yet_valid"
        /// It vouches for itself alone.
        case selfSigned = "self_signed"
        /// No authority of ours vouches for it, or the certificates between them were not sent.
        case unknownAuthority = "unknown_ca"
        case nameMismatch = "name_mismatch"
        case pinMismatch = "pin_mismatch"
        case revoked
        /// It may not be used for this, or one in the chain may not vouch for others.
        case wrongPurpose = "wrong_purpose"
        /// OpenSSL's security level does not allow a key or a digest.
        case tooWeak = "too_weak"
        case badSignature = "bad_signature"
        case other
    }

    public let outcome: Outcome
    /// OpenSSL's number (X509_V_ERR_*), as the field `verify` of a PROXY header has it: 0 for `verified` alone.
    public let code: UInt32
    /// For people, mostly in OpenSSL's words, and safe to log.
    public let text: String

    /// Whether there is something wrong: anything but `verified`, `unchecked` and `noCertificate`.
    public var isRefusal: Bool {
        switch outcome {
        case .verified, .unchecked, .noCertificate: false
        default: true
        }
    }

    public var description: String { "\(outcome.rawValue) (\(text))" }
}

extension TLSVerification {
    /// For a certificate that OpenSSL does not even begin to verify.
    init(unusable text: String) {
        outcome = .other
        code = 1  // X509_V_ERR_UNSPECIFIED
        self.text = text
    }

    init(_ found: copenssl_verification) {
        outcome = Outcome(found.outcome)
        code = UInt32(bitPattern: found.code)
        text = found.text.map { String(cString: $0) } ?? ""
    }
}

extension TLSVerification.Outcome {
    fileprivate init(_ outcome: copenssl_outcome) {
        self =
            switch outcome {
            case .verified: .verified
            case .unchecked: .unchecked
            case .no_certificate: .noCertificate
            case .expired: .expired
            case .not_yet_valid: .notYetValid
            case .self_signed: .selfSigned
            case .unknown_authority: .unknownAuthority
            case .name_mismatch: .nameMismatch
            case .pin_mismatch: .pinMismatch
            case .revoked: .revoked
            case .wrong_purpose: .wrongPurpose
            case .too_weak: .tooWeak
            case .bad_signature: .badSignature
            case .other: .other
            }
    }
}
