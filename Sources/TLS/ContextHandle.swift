import COpenSSL

/// Owns an SSL_CTX and fills it from a configuration. Not Sendable: it lives on one shard, so that no lock and no
/// reference count inside OpenSSL is shared between threads.
final class ContextHandle {
    let pointer: OpaquePointer

    init(_ role: copenssl_role) throws(TLSConfigurationError) {
        guard let pointer = copenssl_context_new(role) else { throw TLSConfigurationError("TLS", .outOfMemory) }
        self.pointer = pointer
    }

    deinit { copenssl_context_free(pointer) }

    func apply(_ parameters: TLSParameters) throws(TLSConfigurationError) {
        let minimum = parameters.minimumVersion
        if let maximum = parameters.maximumVersion, maximum.wireNumber < minimum.wireNumber {
            throw TLSConfigurationError("minimum_version", .versionsReversed(minimum: minimum, maximum: maximum))
        }
        let maximum = parameters.maximumVersion?.wireNumber ?? 0
        if copenssl_context_set_versions(pointer, minimum.wireNumber, maximum) != 0 {
            throw TLSConfigurationError("minimum_version", .unknownValue(minimum.rawValue))
        }
        try apply(.ciphers, parameters.ciphers)
        try apply(.ciphersuites, parameters.ciphersuites)
        try apply(.groups, parameters.groups)
    }

    /// Sets a list. OpenSSL skips what it does not know and says nothing, so each element is first tried alone.
    func apply(_ list: AlgorithmList, _ text: String) throws(TLSConfigurationError) {
        if text.isEmpty { return }
        for element in list.elements(of: text) where !set(list, element) {
            throw TLSConfigurationError(list.rawValue, .unknownValue(element))
        }
        if !set(list, text) { throw TLSConfigurationError(list.rawValue, .unknownValue(text)) }
    }

    private func set(_ list: AlgorithmList, _ text: String) -> Bool {
        if text.utf8.contains(0) { return false }
        return switch list {
        case .ciphers: copenssl_context_set_ciphers(pointer, text) == 0
        case .ciphersuites: copenssl_context_set_ciphersuites(pointer, text) == 0
        case .groups: copenssl_context_set_groups(pointer, text) == 0
        case .signatureAlgorithms: copenssl_context_set_signature_algorithms(pointer, text) == 0
        }
    }
}
