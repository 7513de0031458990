import Ring
import TLS
import Testing

@Suite("Client certificates")
struct ClientCertificateTests {
    static let versions = [TLSVersion.tls12, .tls13]

    private func pair(
        _ demand: TLSServerConfiguration.ClientCertificates, shows identity: TLSIdentity?, version: TLSVersion,
        name: String = "mx.example.com"
    ) throws -> TLSPair {
        let pair = try TLSPair(
            server: .test {
                $0.clientCertificates = demand
                $0.parameters.allow(only: version)
                $0.namedIdentities = TLSServerConfiguration.NamedIdentities.test
            },
            client: .test { $0.identities = identity.map { [$0] } ?? [] }, name: name)
        pair.exchange()
        return pair
    }

    @Test("are not asked for", arguments: versions)
    func off(version: TLSVersion) throws {
        let pair = try pair(.off, shows: .client, version: version)
        #expect(pair.isEstablished)
        #expect(pair.server.engine.peerCertificate == nil)
        #expect(pair.server.engine.verification?.outcome == .noCertificate)
        #expect(pair.server.engine.verification?.code != 0)
        #expect(pair.client.engine.ownCertificate == nil)
    }

    @Test(
        "are asked for, and never decide",
        arguments: [
            (TLSIdentity?.some(.client), TLSVerification.Outcome.verified), (.expiredClient, .expired),
            (.otherClient, .unknownAuthority), (.selfSigned, .selfSigned), (.named, .wrongPurpose),
            (nil, .noCertificate),
        ], versions)
    func request(shown: (TLSIdentity?, TLSVerification.Outcome), version: TLSVersion) throws {
        for name in ["mx.example.com", "mail.example.org"] {
            let pair = try pair(.request(authorities: .root), shows: shown.0, version: version, name: name)
            #expect(pair.isEstablished)
            #expect(pair.server.engine.verification?.outcome == shown.1)
            #expect((pair.server.engine.verification?.code == 0) == (shown.1 == .verified))
            #expect((pair.server.engine.peerCertificate == nil) == (shown.0 == nil))
            pair.client.send("EHLO a\r\n")
            pair.exchange()
            #expect(pair.server.takeText() == "EHLO a\r\n")
        }
    }

    @Test("are asked for, with nobody to vouch for them", arguments: versions)
    func noAuthorities(version: TLSVersion) throws {
        for identity in [TLSIdentity.client, .expiredClient, .otherClient] {
            let pair = try pair(.request(authorities: nil), shows: identity, version: version)
            #expect(pair.isEstablished)
            #expect(pair.server.engine.verification?.outcome == .unchecked)
            #expect(pair.server.engine.verification?.code != 0)
            #expect(pair.server.engine.peerCertificate != nil)
        }
    }

    @Test("are required", arguments: versions, ["mx.example.com", "mail.example.org"])
    func require(version: TLSVersion, name: String) throws {
        let good = try pair(.require(authorities: .root), shows: .client, version: version, name: name)
        #expect(good.isEstablished)
        #expect(good.server.engine.verification?.outcome == .verified)
        #expect(good.server.engine.peerCertificate?.commonName == "client.example.com")
        #expect(good.client.engine.ownCertificate == good.server.engine.peerCertificate)

        let bad: [(TLSIdentity?, TLSVerification.Outcome?, UInt8)] = [
            (.expiredClient, .expired, 45), (.otherClient, .unknownAuthority, 48), (.selfSigned, .selfSigned, 48),
            (nil, nil, version == .tls13 ? 116 : 40),
        ]
        for (identity, outcome, alert) in bad {
            let pair = try pair(.require(authorities: .root), shows: identity, version: version, name: name)
            #expect(!pair.server.engine.isEstablished || pair.server.engine.failure != nil)
            #expect(pair.server.engine.failure?.label == (identity == nil ? .noCertificate : .badCertificate))
            #expect(pair.server.engine.failure?.verification?.outcome == outcome)
            #expect(pair.client.engine.failure?.label == .peerAlert)
            #expect(pair.client.engine.failure == .peerAlert(TLSAlert(rawValue: alert)))
        }
    }

    @Test("may be one of each type of key", arguments: versions)
    func several(version: TLSVersion) throws {
        let server = try TLSServerContext(
            .test {
                $0.clientCertificates = .request(authorities: .root)
                $0.parameters.allow(only: version)
            })
        for (identities, isFirst) in [([TLSIdentity.client, .rsa], true), ([.rsa, .client], false)] {
            let pair = try TLSPair(server: server, client: TLSClientContext(.test { $0.identities = identities }))
            pair.exchange()
            #expect(pair.isEstablished)
            let isClient = pair.server.engine.peerCertificate?.commonName == "client.example.com"
            #expect(isClient == (isFirst || version == .tls13))
        }
        let error = #expect(throws: TLSConfigurationError.self) {
            try TLSClientContext(.test { $0.identities = [.client, .otherClient] })
        }
        #expect(error?.problem == .repeatedKeyType)
        #expect(try TLSClientContext(.test { $0.identities = [.rsa, .expiredClient] }).doubts.count == 1)
    }

    @Test("come with the names of those who may vouch for them", arguments: ["mx.example.com", "mail.example.org"])
    func authorityNames(name: String) throws {
        for (demand, isNamed) in [
            (TLSServerConfiguration.ClientCertificates.request(authorities: .otherRoot), true),
            (.require(authorities: .otherRoot), true), (.request(authorities: nil), false), (.off, false),
        ] {
            let pair = try TLSPair(
                server: .test {
                    $0.clientCertificates = demand
                    $0.namedIdentities = TLSServerConfiguration.NamedIdentities.test
                }, client: .only(.tls12), name: name)
            pair.server.receive(pair.client.takeOut())
            let said = String(decoding: pair.server.takeOut(), as: UTF8.self)
            #expect(said.contains("Another Test Root") == isNamed)
        }
    }

    @Test("are remembered with the session", arguments: versions)
    func resumed(version: TLSVersion) throws {
        let server = TLSServerConfiguration.test {
            $0.clientCertificates = .request(authorities: .root)
            $0.parameters.allow(only: version)
            $0.ticketKeys = TLSTicketKeys()
        }
        for (identity, outcome) in [
            (TLSIdentity.client, TLSVerification.Outcome.verified), (.expiredClient, .expired),
        ] {
            let client = try TLSClientContext(.test { $0.identities = [identity] })
            let first = try TLSPair(server: TLSServerContext(server), client: client)
            first.exchange()
            let session = try #require(first.client.engine.session)
            let second = try TLSPair(server: TLSServerContext(server), client: client, session: session)
            second.exchange()
            #expect(second.server.engine.isResumed)
            #expect(second.server.engine.verification?.outcome == outcome)
            #expect(second.server.engine.peerCertificate == first.server.engine.peerCertificate)
            #expect(second.server.engine.peerCertificate != nil)
        }
    }

    @Test("that were looked at less closely are not remembered", arguments: versions)
    func demandsChanged(version: TLSVersion) throws {
        let keys = TLSTicketKeys()
        func server(_ demand: TLSServerConfiguration.ClientCertificates) throws -> TLSServerContext {
            try TLSServerContext(
                .test {
                    $0.clientCertificates = demand
                    $0.parameters.allow(only: version)
                    $0.ticketKeys = keys
                })
        }
        let client = try TLSClientContext(.test { $0.identities = [.otherClient] })
        let first = try TLSPair(server: server(.request(authorities: .root)), client: client)
        first.exchange()
        let session = try #require(first.client.engine.session)
        for (demand, works) in [
            (TLSServerConfiguration.ClientCertificates.require(authorities: .root), false),
            (.require(authorities: .otherRoot), true), (.request(authorities: nil), true),
        ] {
            let second = try TLSPair(server: server(demand), client: client, session: session)
            second.exchange()
            #expect((second.server.engine.failure == nil) == works)
            #expect(!second.server.engine.isResumed)
        }
    }

    @Test("need authorities that can be read")
    func badAuthorities() throws {
        for demand in [
            TLSServerConfiguration.ClientCertificates.request(authorities: TLSFile("ca.pem", "")),
            .require(authorities: TLSFile("ca.pem", "")),
        ] {
            let error = try #require(throws: TLSConfigurationError.self) {
                try TLSServerContext(.test { $0.clientCertificates = demand })
            }
            #expect(error.description == "ca.pem: holds no certificate in PEM form")
        }
    }
}
