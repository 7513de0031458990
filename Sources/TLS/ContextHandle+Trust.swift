import COpenSSL
import Glibc

extension ContextHandle {
    func bindSessions(to name: [UInt8]) throws(TLSConfigurationError) {
        if copenssl_context_bind_sessions(pointer, name, name.count) != 0 {
            throw TLSConfigurationError("session_tickets", .outOfMemory)
        }
    }

    func use(_ keys: TLSTicketKeys) throws(TLSConfigurationError) {
        if copenssl_context_set_ticket_keys(pointer, keys.bytes) != 0 {
            throw TLSConfigurationError("session_tickets", .outOfMemory)
        }
    }

    /// Adds the certificates in the file to those that may vouch for a peer's; a server names them to its clients.
    func trust(_ file: TLSFile) throws(TLSConfigurationError) {
        switch copenssl_context_add_authorities(pointer, file.bytes, file.bytes.count) {
        case 0: return
        case -ENOENT: throw TLSConfigurationError(file.name, .noCertificate)
        default: throw TLSConfigurationError(file.name, .malformedCertificate(copenssl_error.taken().message))
        }
    }

    func trustSystem() throws(TLSConfigurationError) {
        if copenssl_context_use_system_authorities(pointer) != 0 {
            throw TLSConfigurationError("system authorities", .outOfMemory)
        }
    }

    func trust(like model: ContextHandle) throws(TLSConfigurationError) {
        if copenssl_context_trust_like(pointer, model.pointer) != 0 {
            throw TLSConfigurationError("client_ca", .outOfMemory)
        }
    }

    /// Says what the peer's certificate must be like; a server also asks for one then.
    func demand(authority: Bool, isEnforced: Bool, pins: [[UInt8]] = []) throws(TLSConfigurationError) {
        if let bad = pins.first(where: { $0.count != COPENSSL_PIN_BYTES }) {
            throw TLSConfigurationError("tls_pin_sha256", .badPin(bytes: bad.count))
        }
        let result = pins.flatMap(\.self).withUnsafeBufferPointer { bytes in
            var demand = copenssl_demand(
                authority: authority, is_enforced: isEnforced, pins: bytes.baseAddress, pin_count: pins.count)
            return copenssl_context_demand(pointer, &demand)
        }
        if result != 0 { throw TLSConfigurationError("verification", .outOfMemory) }
    }
}
