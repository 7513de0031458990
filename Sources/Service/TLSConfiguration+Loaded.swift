import Settings
import TLS

// TLS as the settings and their files have it. What OpenSSL makes of it is seen only when contexts are made.
extension LoadedSettings {
    /// What a listener shows its clients; nil where it has no TLS.
    ///
    /// - Parameter ticketKeys: what session tickets are sealed with; nil: there are none.
    func serverConfiguration(of listener: Settings.Listener, ticketKeys: TLSTicketKeys?) -> TLSServerConfiguration? {
        guard listener.hasTLS, let name = listener.tls, let set = settings.tls(named: name) else { return nil }
        return serverConfiguration(of: set, listener: listener.name, ticketKeys: ticketKeys)
    }

    /// A TLS set as the listener named shows it; nil where its files have not been read.
    func serverConfiguration(
        of set: Settings.TLS, listener: String, ticketKeys: TLSTicketKeys?
    ) -> TLSServerConfiguration? {
        guard let files = tlsFiles.first(where: { $0.name == set.name }) else { return nil }
        var configuration = TLSServerConfiguration(
            listener: listener, identities: files.identity.identities,
            ticketKeys: set.sessionTickets ? ticketKeys : nil)
        configuration.namedIdentities = zip(set.sni, files.sni).enumerated().map { index, sni in
            TLSServerConfiguration.NamedIdentities(
                label: "sni[\(index)]", names: sni.0.names, identities: sni.1.identities)
        }
        let authorities = files.clientCA.map(TLSFile.init)
        configuration.clientCertificates =
            switch (set.clientCertificates, authorities) {
            case (.off, _): .off
            case (.require, let authorities?): .require(authorities: authorities)
            case (.request, _), (.require, nil): .request(authorities: authorities)
            }
        configuration.parameters.minimumVersion = TLSVersion(set.minimumVersion)
        configuration.parameters.maximumVersion = set.maximumVersion.map(TLSVersion.init)
        configuration.parameters.ciphers = set.ciphers
        configuration.parameters.ciphersuites = set.ciphersuites
        configuration.parameters.groups = set.groups
        return configuration
    }

    /// How the servers of an upstream are met; nil where that is without TLS.
    func clientConfiguration(of upstream: Settings.Upstream) -> TLSClientConfiguration? {
        guard upstream.tls != .off else { return nil }
        let files = upstreamFiles.first { $0.name == upstream.name }
        let pins = upstream.tlsVerify == .off ? [] : upstream.tlsPins.map(\.bytes)
        let authorities: TLSClientConfiguration.Authorities =
            if upstream.tlsVerify == .off {
                .none
            } else if let file = files?.ca {
                .file(TLSFile(file))
            } else {
                pins.isEmpty ? .system : .none
            }
        var configuration = TLSClientConfiguration(authorities: authorities, pins: pins)
        configuration.isEnforced = upstream.demandsVerification
        configuration.identities = files?.identity.identities ?? []
        configuration.parameters.minimumVersion = TLSVersion(upstream.tlsMinimumVersion)
        return configuration
    }
}

extension IdentityFiles {
    fileprivate var identities: [TLSIdentity] {
        zip(certificates, keys).map { certificate, key in
            TLSIdentity(
                certificateChain: TLSFile(certificate), privateKey: TLSFile(key), keyPassword: keyPassword)
        }
    }
}

extension TLSFile {
    init(_ file: SettingsFile) {
        self.init(name: file.reference, bytes: file.bytes)
    }
}

extension SettingsFile {
    /// What TLS calls it. Not its path: several keys may name one file, and only one of them be wrong.
    var reference: String { "\(key)[\(index)]" }
}

extension TLSVersion {
    init(_ version: Settings.TLS.Version) {
        self =
            switch version {
            case .tls10: .tls10
            case .tls11: .tls11
            case .tls12: .tls12
            case .tls13: .tls13
            }
    }
}
