import COpenSSL

extension ContextHandle {
    /// Adds a certificate, its chain and its key; the error names the file that is to blame.
    ///
    /// - Returns: what is doubtful about it; `nil` where nothing is.
    func add(_ identity: TLSIdentity) throws(TLSConfigurationError) -> TLSConfigurationError? {
        var error = copenssl_error()
        let status = identity.withPEM { pem in
            withUnsafePointer(to: pem) { copenssl_context_add_identity(pointer, $0, &error) }
        }
        let certificate = identity.certificateChain.name
        let key = identity.privateKey.name
        switch status {
        case .taken: return nil
        case .no_certificate: throw TLSConfigurationError(certificate, .noCertificate)
        case .malformed_certificate: throw TLSConfigurationError(certificate, .malformedCertificate(error.message))
        case .expired: return TLSConfigurationError(certificate, .expired(error.message))
        case .not_yet_valid: return TLSConfigurationError(certificate, .notYetValid(error.message))
        case .repeated: throw TLSConfigurationError(certificate, .repeatedKeyType)
        case .refused: throw TLSConfigurationError(certificate, .refused(error.message))
        case .no_key: throw TLSConfigurationError(key, .noKey)
        case .malformed_key: throw TLSConfigurationError(key, .malformedKey(error.message))
        case .password_missing: throw TLSConfigurationError(key, .passwordMissing)
        case .password_wrong: throw TLSConfigurationError(key, .passwordWrong)
        case .mismatch: throw TLSConfigurationError(key, .notTheKey(of: certificate))
        }
    }
}

extension TLSIdentity {
    /// The same as the shim takes it; valid inside `body` alone.
    fileprivate func withPEM(_ body: (copenssl_identity) -> copenssl_identity_status) -> copenssl_identity_status {
        certificateChain.bytes.withUnsafeBufferPointer { chain in
            privateKey.bytes.withUnsafeBufferPointer { key in
                // An empty password is one too, and is told from none by its address.
                ((keyPassword ?? []) + [0]).withUnsafeBufferPointer { password in
                    body(
                        copenssl_identity(
                            chain_pem: chain.baseAddress, chain_length: chain.count,
                            key_pem: key.baseAddress, key_length: key.count,
                            password: keyPassword == nil ? nil : password.baseAddress,
                            password_length: keyPassword?.count ?? 0))
                }
            }
        }
    }
}
