import COpenSSL

/// Finds the identities for the name that a client asks for, while OpenSSL reads its first message. Whoever runs a
/// handshake holds it; OpenSSL does not.
final class NamedContexts {
    /// Who serves which name.
    struct Table {
        private var contexts: [ContextHandle] = []
        private var hosts: [[UInt8]: Int] = [:]
        /// By what follows the wildcard.
        private var wildcards: [[UInt8]: Int] = [:]

        mutating func add(
            _ context: ContextHandle, for set: TLSServerConfiguration.NamedIdentities
        ) throws(TLSConfigurationError) {
            guard !set.names.isEmpty else { throw TLSConfigurationError(set.label, .noNames) }
            for text in set.names {
                guard let (name, isWildcard) = ServerName.configured(text) else {
                    throw TLSConfigurationError(set.label, .badName(text))
                }
                let before =
                    isWildcard
                    ? wildcards.updateValue(contexts.count, forKey: name)
                    : hosts.updateValue(contexts.count, forKey: name)
                if before != nil { throw TLSConfigurationError(set.label, .repeatedName(text)) }
            }
            contexts.append(context)
        }

        func context(for name: [UInt8]) -> ContextHandle? {
            let index = hosts[name] ?? ServerName.parent(of: name).flatMap { wildcards[$0] }
            return index.map { contexts[$0] }
        }
    }

    private let table: Table
    /// What OpenSSL calls; it knows this object without owning it.
    let chooser: UnsafeMutablePointer<copenssl_chooser>

    init(_ table: Table) {
        self.table = table
        chooser = .allocate(capacity: 1)
        chooser.initialize(
            to: copenssl_chooser(choose: choose, chooser_context: Unmanaged.passUnretained(self).toOpaque()))
    }

    deinit { chooser.deallocate() }

    fileprivate func context(for body: Span<UInt8>) -> ContextHandle? {
        ServerName.requested(in: body).flatMap(table.context)
    }
}

/// Called by OpenSSL, on the thread of the call.
private func choose(context: UnsafeMutableRawPointer?, body: UnsafePointer<UInt8>?, length: Int) -> OpaquePointer? {
    guard let context, let body else { return nil }
    let contexts = Unmanaged<NamedContexts>.fromOpaque(context).takeUnretainedValue()
    return contexts.context(for: UnsafeBufferPointer(start: body, count: length).span)?.pointer
}
