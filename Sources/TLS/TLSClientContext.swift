import COpenSSL

/// What a shard makes client engines from. Not Sendable: each shard makes its own from the shared configuration.
public final class TLSClientContext {
    let handle: ContextHandle
    /// Whether an engine must know the name of its server.
    let verifiesNames: Bool
    /// Whether a server without a certificate is refused.
    let needsCertificate: Bool
    /// What is doubtful, though it can be used: own certificates out of their time.
    public let doubts: [TLSConfigurationError]

    /// Parses and checks all of the configuration; the first thing that cannot be used is the error.
    public init(_ configuration: TLSClientConfiguration) throws(TLSConfigurationError) {
        handle = try ContextHandle(.client)
        try handle.apply(configuration.parameters)
        try handle.apply(.signatureAlgorithms, configuration.signatureAlgorithms)
        switch configuration.authorities {
        case .none: verifiesNames = false
        case .system:
            verifiesNames = true
            try handle.trustSystem()
        case .file(let file):
            verifiesNames = true
            try handle.trust(file)
        }
        needsCertificate = configuration.isEnforced && (verifiesNames || !configuration.pins.isEmpty)
        try handle.demand(authority: verifiesNames, isEnforced: needsCertificate, pins: configuration.pins)
        var doubts: [TLSConfigurationError] = []
        // In TLS 1.2 OpenSSL shows the one that came last.
        for identity in configuration.identities.reversed() {
            if let doubt = try handle.add(identity) { doubts.append(doubt) }
        }
        self.doubts = doubts
    }
}

@available(*, unavailable)
extension TLSClientContext: Sendable {}
