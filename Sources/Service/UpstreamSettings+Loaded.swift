import Lookup
import Relay
import Ring
import Settings
import Wire

extension LoadedSettings {
    /// An upstream in the terms of the sessions.
    func upstreamSettings(of upstream: Settings.Upstream) -> UpstreamSettings {
        var result = UpstreamSettings(name: upstream.name, servers: upstream.servers.map(ServerAddress.init))
        result.hostname = settings.hostname
        result.balance = UpstreamSettings.Balance(upstream.balance)
        result.transferProtocol = upstream.transferProtocol == .lmtp ? .lmtp : .smtp
        result.reuse.idleConnectionsMax = upstream.idleConnections
        result.reuse.idleTimeout = upstream.idleTimeout
        result.reuse.ageMax = upstream.maxConnectionAge
        result.reuse.messagesMax = upstream.maxMessagesPerConnection
        result.tls = UpstreamSettings.TLSPolicy(upstream.tls)
        result.tlsClient = clientConfiguration(of: upstream)
        result.tlsServerName = upstream.tlsServerName
        result.sources = upstream.source.map { SocketAddress(octets: $0.bytes, port: 0) }
        result.proxyHeader = OutgoingProxyHeader(upstream)
        result.connectTimeout = upstream.connectTimeout
        result.connectionsMax = upstream.maxConnections
        result.waitTimeout = upstream.maxWait
        result.health = UpstreamSettings.HealthPolicy(upstream.health)
        result.retries = upstream.retry
        result.usesClientsName = upstream.helo == .client
        result.tellsOfClient = upstream.xclient == .auto
        result.goesOnWithoutXCLIENT = upstream.xclientRefused == .continue
        result.authenticatesClients = upstream.authentication == .session
        result.ownCredentials = ownCredentials(for: upstream)
        return result
    }

    /// What Mailrace authenticates with; nil where it does not, and where its file holds nothing of that kind.
    func ownCredentials(for upstream: Settings.Upstream) -> OwnCredentials? {
        guard upstream.authentication == .own,
            let bytes = upstreamFiles.first(where: { $0.name == upstream.name })?.secretBytes
        else { return nil }
        let secret = Secret(copying: bytes)
        let isToken = !upstream.authTokenFile.isEmpty
        let credentials = Credentials(
            mechanism: isToken ? .xoauth2 : .plain, user: Array(upstream.authUser.utf8),
            proof: isToken ? .token(secret) : .password(secret))
        return credentials.map(OwnCredentials.init)
    }

    var resolverConfiguration: ResolverConfiguration {
        var configuration = ResolverConfiguration()
        configuration.servers = settings.dns.servers.map(SocketAddress.init)
        configuration.timeout = settings.dns.timeout
        configuration.tries = settings.dns.tries
        return configuration
    }
}

extension ServerAddress {
    init(_ address: Settings.ServerAddress) {
        switch address {
        case .ip(let endpoint): self = .socket(SocketAddress(endpoint))
        case .host(let name, let port): self = .host(name, port: port)
        case .unix(let path): self = .socket(SocketAddress(path))
        }
    }
}

extension SocketAddress {
    init(_ endpoint: Endpoint) {
        self.init(octets: endpoint.address, port: endpoint.port)
    }

    init(_ path: Settings.SocketPath) {
        guard let address = SocketAddress(unix: path.text) else {
            preconditionFailure("a path that the settings took is none")
        }
        self = address
    }

    init(_ address: Settings.ListenAddress) {
        switch address {
        case .ip(let endpoint): self.init(endpoint)
        case .unix(let path): self.init(path)
        }
    }
}

extension UpstreamSettings.Balance {
    init(_ balance: Settings.Upstream.Balance) {
        self =
            switch balance {
            case .roundRobin: .roundRobin
            case .leastSessions: .leastSessions
            case .hashClient: .hashClient
            case .first: .first
            }
    }
}

extension UpstreamSettings.TLSPolicy {
    init(_ mode: Settings.Upstream.TLSMode) {
        self =
            switch mode {
            case .off: .off
            case .opportunistic: .opportunistic
            case .required: .required
            case .implicit: .implicit
            case .mirror: .mirror
            }
    }
}

extension UpstreamSettings.HealthPolicy {
    init(_ health: Settings.Upstream.Health) {
        self.init()
        interval = health.interval
        timeout = health.timeout
        rise = health.rise
        fall = health.fall
        probe =
            switch health.probe {
            case .off: .off
            case .connect: .connect
            case .ehlo: .ehlo
            }
    }
}

extension OutgoingProxyHeader {
    init?(_ upstream: Settings.Upstream) {
        switch upstream.proxyProtocol {
        case .off: return nil
        case .v1: self.init(version: .v1)
        case .v2: self.init(version: .v2)
        }
        var passed: Set<ProxyTLV.Kind> = []
        for tlv in upstream.proxyProtocolTLVs {
            switch tlv {
            case .authority: addsAuthority = true
            case .ssl: addsSSL = true
            case .uniqueID: addsUniqueID = true
            case .crc32c: addsChecksum = true
            case .passAll: passedOn = .all
            case .pass(let type): passed.insert(ProxyTLV.Kind(rawValue: type))
            case .added(let type, let value): fixed.append(ProxyTLV(ProxyTLV.Kind(rawValue: type), value))
            }
        }
        if passedOn != .all, !passed.isEmpty { passedOn = .listed(passed) }
    }
}
