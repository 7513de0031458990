import COpenSSL

/// What a shard makes server engines from. Not Sendable: each shard makes its own from the shared configuration.
public final class TLSServerContext {
    let handle: ContextHandle

    /// Parses and checks all of the configuration; the first thing that cannot be used is the error.
    public init(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) {
        handle = try ContextHandle(.server)
        try handle.apply(configuration.parameters)
        guard !configuration.identities.isEmpty else {
            throw TLSConfigurationError("certificate", .noIdentity)
        }
        for identity in configuration.identities { try handle.add(identity) }
        try handle.bindSessions(to: configuration.listener, keys: configuration.ticketKeys)
    }
}

@available(*, unavailable)
extension TLSServerContext: Sendable {}
