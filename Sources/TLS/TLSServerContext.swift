import COpenSSL

/// What a shard makes server engines from. Not Sendable: each shard makes its own from the shared configuration.
public final class TLSServerContext {
    let handle: ContextHandle
    let namedContexts: NamedContexts?
    let asksForCertificate: Bool
    /// What is doubtful, though it can be used: certificates out of their time. A relay that did not start for that
    /// would do more harm, since most senders do not look.
    public let doubts: [TLSConfigurationError]

    /// Parses and checks all of the configuration; the first thing that cannot be used is the error.
    public init(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) {
        handle = try ContextHandle(.server)
        var doubts = try handle.serve(configuration.identities, of: "certificate", configuration)
        try handle.ask(for: configuration.clientCertificates)
        asksForCertificate = configuration.clientCertificates != .off
        if let keys = configuration.ticketKeys { try handle.use(keys) }
        if configuration.namedIdentities.isEmpty {
            namedContexts = nil
        } else {
            var chosen = NamedContexts.Table()
            for set in configuration.namedIdentities {
                let context = try ContextHandle(.server)
                doubts += try context.serve(set.identities, of: set.label, configuration)
                try context.trust(like: handle)
                try chosen.add(context, for: set)
            }
            let contexts = NamedContexts(chosen)
            copenssl_context_choose_with(handle.pointer, contexts.chooser)
            namedContexts = contexts
        }
        self.doubts = doubts
    }
}

@available(*, unavailable)
extension TLSServerContext: Sendable {}

extension ContextHandle {
    /// What all contexts of a server have, and the identities of this one.
    ///
    /// - Returns: what is doubtful about these.
    fileprivate func serve(
        _ identities: [TLSIdentity], of subject: String, _ configuration: TLSServerConfiguration
    ) throws(TLSConfigurationError) -> [TLSConfigurationError] {
        try apply(configuration.parameters)
        guard !identities.isEmpty else { throw TLSConfigurationError(subject, .noIdentity) }
        var doubts: [TLSConfigurationError] = []
        for identity in identities {
            if let doubt = try add(identity) { doubts.append(doubt) }
        }
        try bindSessions(to: configuration.sessionBinding)
        return doubts
    }

    fileprivate func ask(for certificates: TLSServerConfiguration.ClientCertificates) throws(TLSConfigurationError) {
        switch certificates {
        case .off: return
        case .request(let authorities):
            if let authorities { try trust(authorities) }
            try demand(authority: authorities != nil, isEnforced: false)
        case .require(let authorities):
            try trust(authorities)
            try demand(authority: true, isEnforced: true)
        }
    }
}
