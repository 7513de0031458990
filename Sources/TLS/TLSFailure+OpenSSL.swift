import COpenSSL

extension TLSFailure {
    /// What OpenSSL says: by its reason where that is precise, else by the alert that it made for the peer.
    init(_ error: copenssl_error, alertSent: Int32) {
        let reason = error.message
        switch error.cause {
        case .peer_alert: self = .peerAlert(TLSAlert(rawValue: UInt8(truncatingIfNeeded: error.alert_received)))
        // OpenSSL gives the same reason for a later record, but then sends an alert.
        case .not_tls: self = alertSent < 0 ? .notTLS(reason) : .badRecord(reason)
        case .version: self = .unsupportedVersion(reason)
        case .cipher: self = .noSharedCipher
        case .group: self = .noSharedGroup
        case .signature: self = .noSharedSignature
        case .certificate: self = .badCertificate(TLSVerification(error.verification))
        case .no_certificate: self = .noCertificate(reason)
        case .other: self = Self.meaning(ofAlert: alertSent, reason)
        }
    }

    private static func meaning(ofAlert alert: Int32, _ reason: String) -> TLSFailure {
        switch alert {
        case 20, 21, 22, 30: .badRecord(reason)
        case 41...46, 48, 113, 114: .badCertificate(TLSVerification(unusable: reason))
        case 116: .noCertificate(reason)
        case 50: .decodeError(reason)
        case 70, 86: .unsupportedVersion(reason)
        case 10, 40, 47, 49, 51, 71, 100, 109, 110, 112, 115, 120: .protocolError(reason)
        default: .internalError(reason)
        }
    }
}

extension copenssl_error {
    /// The error of the call before, on this thread; `engine` adds why a certificate was refused.
    static func taken(from engine: OpaquePointer? = nil) -> copenssl_error {
        var error = copenssl_error()
        copenssl_take_error(engine, &error)
        return error
    }

    /// The text, for people.
    var message: String {
        withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
