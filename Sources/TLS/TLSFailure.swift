/// Why a TLS connection failed, for the log and for a counter. Texts inside are OpenSSL's own and safe to log.
public enum TLSFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The first bytes are no TLS record: the peer speaks plain SMTP, or HTTP, or something else.
    case notTLS(String)
    case unsupportedVersion(String)
    case noSharedCipher
    case noSharedGroup
    case noSharedSignature
    /// The peer's certificate is not accepted by us.
    case badCertificate(TLSVerification)
    /// The peer shows no certificate, though it must.
    case noCertificate(String)
    /// The peer gave up and said why; a refusal of our certificate is among these.
    case peerAlert(TLSAlert)
    /// A record was altered, cut or made up.
    case badRecord(String)
    /// A message has the wrong form.
    case decodeError(String)
    /// A message is well formed, but must not come here or must not say this.
    case protocolError(String)
    /// The fault is on this side.
    case internalError(String)
    /// The handshake took too long. Set by the session; no engine can tell.
    case timeout
    /// The connection ended without close_notify. Set by the session; no engine can tell.
    case closed

    /// What was found about the certificate, where that is the reason.
    public var verification: TLSVerification? {
        if case .badCertificate(let found) = self { found } else { nil }
    }

    /// What counters tell failures apart by: few values, and they do not change.
    public enum Label: String, Sendable, CaseIterable {
        case notTLS = "not_tls"
        case unsupportedVersion = "unsupported_version"
        case noSharedCipher = "no_shared_cipher"
        case noSharedGroup = "no_shared_group"
        case noSharedSignature = "no_shared_signature"
        case badCertificate = "bad_certificate"
        case noCertificate = "no_certificate"
        case peerAlert = "peer_alert"
        case badRecord = "bad_record"
        case decodeError = "decode_error"
        case protocolError = "protocol_error"
        case internalError = "internal_error"
        case timeout
        case closed
    }

    public var label: Label {
        switch self {
        case .notTLS: .notTLS
        case .unsupportedVersion: .unsupportedVersion
        case .noSharedCipher: .noSharedCipher
        case .noSharedGroup: .noSharedGroup
        case .noSharedSignature: .noSharedSignature
        case .badCertificate: .badCertificate
        case .noCertificate: .noCertificate
        case .peerAlert: .peerAlert
        case .badRecord: .badRecord
        case .decodeError: .decodeError
        case .protocolError: .protocolError
        case .internalError: .internalError
        case .timeout: .timeout
        case .closed: .closed
        }
    }

    public var description: String {
        switch self {
        case .notTLS(let reason): "the peer does not speak TLS (\(reason))"
        case .unsupportedVersion(let reason): "no common protocol version (\(reason))"
        case .noSharedCipher: "no common cipher"
        case .noSharedGroup: "no common group for the key exchange"
        case .noSharedSignature: "no certificate of a type that the peer can verify"
        case .badCertificate(let found): "the peer's certificate is not accepted (\(found.text))"
        case .noCertificate(let reason): "the peer shows no certificate (\(reason))"
        case .peerAlert(let alert): "the peer sent the alert \(alert)"
        case .badRecord(let reason): "a damaged record (\(reason))"
        case .decodeError(let reason): "a malformed message (\(reason))"
        case .protocolError(let reason): "a message against the protocol (\(reason))"
        case .internalError(let reason): "an internal error (\(reason))"
        case .timeout: "the handshake took too long"
        case .closed: "the connection ended without notice"
        }
    }
}
