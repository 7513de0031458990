import COpenSSL

/// What a shard makes client engines from. Not Sendable: each shard makes its own from the shared configuration.
public final class TLSClientContext {
    let handle: ContextHandle
    let verifies: Bool

    /// Parses and checks all of the configuration; the first thing that cannot be used is the error.
    public init(_ configuration: TLSClientConfiguration) throws(TLSConfigurationError) {
        handle = try ContextHandle(.client)
        try handle.apply(configuration.parameters)
        try handle.apply(.signatureAlgorithms, configuration.signatureAlgorithms)
        switch configuration.verification {
        case .none:
            verifies = false
        case .authorities(let file):
            verifies = true
            try handle.requireAuthorities(file)
        }
    }
}

@available(*, unavailable)
extension TLSClientContext: Sendable {}
