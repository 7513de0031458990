import Relay
import Ring
public import Settings
import TLS

extension LoadedSettings {
    /// Tries what `Settings` itself cannot judge: certificates, keys and lists of ciphers.
    ///
    /// - Throws: everything that OpenSSL cannot use.
    public func checkFiles() throws(SettingsProblems) {
        _ = try tunnels()
    }

    /// What each listener does, in the order of the file.
    ///
    /// - Throws: every certificate, key or list of ciphers that OpenSSL cannot use.
    func tunnels() throws(SettingsProblems) -> [TunnelSettings] {
        var problems: [SettingsProblem] = []
        let tunnels = settings.listeners.map { listener in
            TunnelSettings(
                name: listener.name, starttls: TunnelSettings.StartTLSPolicy(listener.startTLS),
                tls: tlsConfiguration(of: listener),
                servers: settings.upstream(named: listener.upstream)?.servers.map(SocketAddress.init) ?? [],
                timeouts: TunnelSettings.Timeouts(listener.timeouts, settings.upstream(named: listener.upstream)))
        }
        for (listener, tunnel) in zip(settings.listeners, tunnels) {
            guard let configuration = tunnel.tls, let set = listener.tls else { continue }
            do throws(TLSConfigurationError) { _ = try TLSServerContext(configuration) } catch {
                let found = problem(with: "tls.\(set)", error.description)
                if !problems.contains(where: { $0.description == found.description }) { problems.append(found) }
            }
        }
        guard problems.isEmpty else { throw SettingsProblems(list: problems) }
        return tunnels
    }

    private func tlsConfiguration(of listener: Settings.Listener) -> TLSServerConfiguration? {
        guard let name = listener.tls, let set = settings.tls(named: name),
            let files = tlsFiles.first(where: { $0.name == name })
        else { return nil }
        let identities = zip(files.certificates, files.keys).map { certificate, key in
            TLSIdentity(
                certificateChain: TLSFile(name: certificate.path, bytes: certificate.bytes),
                privateKey: TLSFile(name: key.path, bytes: key.bytes), keyPassword: files.keyPassword)
        }
        var configuration = TLSServerConfiguration(
            listener: listener.name, identities: identities, ticketKeys: set.sessionTickets ? TLSTicketKeys() : nil)
        configuration.parameters.minimumVersion = TLSVersion(set.minimumVersion)
        configuration.parameters.maximumVersion = set.maximumVersion.map(TLSVersion.init)
        configuration.parameters.ciphers = set.ciphers
        configuration.parameters.ciphersuites = set.ciphersuites
        configuration.parameters.groups = set.groups
        return configuration
    }
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

extension TunnelSettings.StartTLSPolicy {
    init(_ policy: Settings.Listener.StartTLS) {
        self =
            switch policy {
            case .off: .off
            case .offer: .offer
            case .require: .require
            }
    }
}

extension TunnelSettings.Timeouts {
    init(_ timeouts: Settings.Timeouts, _ upstream: Settings.Upstream?) {
        self.init()
        greeting = timeouts.greeting
        command = timeouts.command
        reply = timeouts.reply
        tlsHandshake = timeouts.tlsHandshake
        passthroughIdle = timeouts.passthroughIdle
        if let upstream { connect = upstream.connectTimeout }
    }
}

extension SocketAddress {
    init(_ endpoint: Endpoint) {
        self.init(octets: endpoint.address, port: endpoint.port)
    }
}
