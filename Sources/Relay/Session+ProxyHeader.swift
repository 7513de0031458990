import Ring
import TLS
import Telemetry
import Wire

// What the upstream is told of the client before anything else (PROXY protocol).
extension Session {
    func proxyHeader(_ settings: OutgoingProxyHeader) -> [UInt8] {
        guard settings.version == .v2 else { return ProxyHeader(version: .v1, origin: proxiedOrigin).encodedV1() }
        let header = ProxyHeader(origin: proxiedOrigin, tlvs: values(settings))
        let encoded = header.encodedV2(hasChecksum: settings.addsChecksum)
        if encoded.droppedTLVs > 0 {
            context.counters.add(.v2TLVsExceedMaxLength)
            context.log.warning(
                "PROXY header too long: TLVs left out",
                ["session": record.id.description, "dropped": "\(encoded.droppedTLVs)"])
        }
        return encoded.bytes
    }

    private var proxiedOrigin: ProxyHeader.Origin {
        guard let source = identity.source.proxyEndpoint,
            let destination = identity.destination(of: client)?.proxyEndpoint
        else { return .local }
        return .proxied(source: source, destination: destination)
    }

    /// Ours win over those of the same type that the client's proxy sent, and for the room in the header.
    private func values(_ settings: OutgoingProxyHeader) -> [ProxyTLV] {
        var own = settings.fixed
        let engine = client.layer as? TLSEngine
        if settings.addsAuthority, let name = engine?.serverName {
            own.append(ProxyTLV(.authority, Array(name.utf8)))
        }
        if settings.addsUniqueID { own.append(ProxyTLV(.uniqueID, Array(record.id.description.utf8))) }
        if settings.addsSSL, let engine { own.append(ProxyTLSFacts(of: engine).tlv) }
        if own.isEmpty { return passedOn(settings.passedOn) }
        let kinds = Set(own.map(\.kind))
        return own + passedOn(settings.passedOn).filter { !kinds.contains($0.kind) }
    }

    private func passedOn(_ policy: OutgoingProxyHeader.PassedOn) -> [ProxyTLV] {
        let tlvs = identity.header?.tlvs ?? []
        return switch policy {
        case .none: []
        case .all: tlvs
        case .listed(let kinds): tlvs.filter { kinds.contains($0.kind) }
        }
    }
}

extension OutgoingProxyHeader {
    /// The header of a connection that is Mailrace's own. Version 1 has no word for that but UNKNOWN, which Postfix and
    /// others refuse: there it tells of the connection itself.
    func headerOfOwn(_ stream: Stream) -> [UInt8] {
        guard version == .v1 else { return ProxyHeader(origin: .local).encodedV2(hasChecksum: addsChecksum).bytes }
        guard let source = stream.localAddress?.proxyEndpoint, let destination = stream.peerAddress?.proxyEndpoint
        else { return ProxyHeader(version: .v1, origin: .local).encodedV1() }
        return ProxyHeader(version: .v1, origin: .proxied(source: source, destination: destination)).encodedV1()
    }
}

extension ProxyTLSFacts {
    /// What the client's handshake has agreed on.
    fileprivate init(of engine: TLSEngine) {
        var client: Client = [.tls]
        let certificate = engine.peerCertificate
        if certificate != nil {
            client.insert(.certificateInSession)
            if !engine.isResumed { client.insert(.certificateOnConnection) }
        }
        self.init(client: client, verify: engine.verification?.code ?? 1)
        func text(_ value: String?) -> [UInt8]? { value.map { Array($0.utf8) } }
        version = text(engine.protocolVersion)
        commonName = text(certificate?.commonName)
        cipher = text(engine.cipher)
        let own = engine.ownCertificate
        signatureAlgorithm = text(own?.signatureAlgorithm)
        keyAlgorithm = text(own?.keyAlgorithm)
        group = text(engine.group)
        signatureScheme = text(engine.signatureScheme)
    }
}

extension SocketAddress {
    init(_ endpoint: ProxyHeader.Endpoint) {
        self.init(octets: endpoint.address.octets, port: endpoint.port)
    }

    /// Nil for a Unix socket.
    var proxyEndpoint: ProxyHeader.Endpoint? {
        ipAddress.map { ProxyHeader.Endpoint(address: $0, port: port) }
    }

    /// Nil for a Unix socket.
    var ipAddress: IPAddress? {
        if let ipv4Bits { return IPAddress(ipv4: ipv4Bits) }
        return isUnix ? nil : IPAddress(ipv6: bits)
    }
}
