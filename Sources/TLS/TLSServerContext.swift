import COpenSSL

/// What a shard makes server engines from. Not Sendable: each shard makes its own from the shared configuration.
public final class TLSServerContext {
    let handle: ContextHandle
    /// What is doubtful, though it can be used: certificates out of their time. A relay that did not start for that
    /// would do more harm, since most senders do not look.
    public let doubts: [TLSConfigurationError]

    /// Parses and checks all of the configuration; the first thing that cannot be used is the error.
    public init(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) {
        handle = try ContextHandle(.server)
        try handle.apply(configuration.parameters)
        guard !configuration.identities.isEmpty else {
            throw TLSConfigurationError("certificate", .noIdentity)
        }
        var doubts: [TLSConfigurationError] = []
        for identity in configuration.identities {
            if let doubt = try handle.add(identity) { doubts.append(doubt) }
        }
        self.doubts = doubts
        try handle.bindSessions(to: configuration.listener, keys: configuration.ticketKeys)
    }
}

@available(*, unavailable)
extension TLSServerContext: Sendable {}
