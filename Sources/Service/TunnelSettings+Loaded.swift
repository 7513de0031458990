import Relay
import Ring
public import Settings
import TLS

/// What the listeners do, as it follows from the settings, and what is doubtful about it.
struct TunnelPlan {
    /// In the order of the file.
    let tunnels: [TunnelSettings]
    let warnings: [SettingsProblem]
}

extension LoadedSettings {
    /// Tries what `Settings` itself cannot judge: certificates, keys and lists of ciphers.
    ///
    /// - Returns: what is doubtful.
    /// - Throws: everything that OpenSSL cannot use.
    public func checkFiles() throws(SettingsProblems) -> [SettingsProblem] {
        try planned().warnings
    }

    /// - Throws: every certificate, key or list of ciphers that OpenSSL cannot use.
    func planned() throws(SettingsProblems) -> TunnelPlan {
        var problems: [SettingsProblem] = []
        var warnings: [SettingsProblem] = []
        let tunnels = settings.listeners.map { listener in
            let upstream = settings.upstream(named: listener.upstream)
            return TunnelSettings(
                name: listener.name, starttls: TunnelSettings.StartTLSPolicy(listener.startTLS),
                tls: tlsConfiguration(of: listener), servers: upstream?.endpoints.map(SocketAddress.init) ?? [],
                timeouts: TunnelSettings.Timeouts(listener.timeouts, upstream))
        }
        for (listener, tunnel) in zip(settings.listeners, tunnels) {
            guard let configuration = tunnel.tls, let set = listener.tls else { continue }
            func found(_ error: TLSConfigurationError) -> SettingsProblem {
                problem(with: "tls.\(set)", error.description)
            }
            do throws(TLSConfigurationError) {
                warnings += try TLSServerContext(configuration).doubts.map(found)
            } catch {
                problems.append(found(error))
            }
        }
        guard problems.isEmpty else { throw SettingsProblems(list: problems.withoutRepetitions) }
        return TunnelPlan(tunnels: tunnels, warnings: warnings.withoutRepetitions)
    }

    private func tlsConfiguration(of listener: Settings.Listener) -> TLSServerConfiguration? {
        guard let name = listener.tls, let set = settings.tls(named: name),
            let files = tlsFiles.first(where: { $0.name == name })
        else { return nil }
        let identities = zip(files.identity.certificates, files.identity.keys).map { certificate, key in
            TLSIdentity(
                certificateChain: TLSFile(name: certificate.path, bytes: certificate.bytes),
                privateKey: TLSFile(name: key.path, bytes: key.bytes), keyPassword: files.identity.keyPassword)
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

extension Settings.Upstream {
    /// The servers that are IP addresses.
    fileprivate var endpoints: [Endpoint] {
        servers.compactMap { if case .ip(let endpoint) = $0 { endpoint } else { nil } }
    }
}

extension SocketAddress {
    init(_ endpoint: Endpoint) {
        self.init(octets: endpoint.address, port: endpoint.port)
    }
}

extension [SettingsProblem] {
    /// Listeners that share a TLS set share its problems.
    fileprivate var withoutRepetitions: [SettingsProblem] {
        var seen: Set<SettingsProblem> = []
        return filter { seen.insert($0).inserted }
    }
}
