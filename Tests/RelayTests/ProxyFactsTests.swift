import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing
import Wire

extension RelaySuites {
    /// What the upstream is told of the client's TLS, and what servers are told that are only probed.
    @Suite struct ProxyFactsTests {
        /// How the client's TLS comes before the upstream is dialled.
        enum Way: CaseIterable, Sendable { case implicit, starttls }

        static func setup(_ way: Way, _ certificates: TLSServerConfiguration.ClientCertificates = .off) -> Setup {
            Setup { setup in
                if way == .implicit {
                    setup.listener.starttls = .off
                    setup.listener.isImplicitTLS = true
                } else {
                    setup.listener.dial = .afterTLS
                }
                setup.listener.tls?.clientCertificates = certificates
                var header = OutgoingProxyHeader(version: .v2)
                header.addsSSL = true
                header.addsAuthority = true
                setup.upstream.proxyHeader = header
            }
        }

        /// A client as far as its handshake.
        private func begun(_ relay: TestRelay, _ way: Way) throws -> Peer {
            let client = try relay.client()
            if way == .starttls {
                _ = try client.line()
                try client.send(Dialogue.ehlo)
                _ = try (client.line(), client.line())
                try client.send("STARTTLS\r\n")
                try client.expect(Dialogue.ready)
            }
            return client
        }

        private func context(_ version: TLSVersion, _ identity: TLSIdentity? = nil) throws -> TLSClientContext {
            var configuration = TLSClientConfiguration(authorities: .none)
            configuration.parameters.minimumVersion = version
            configuration.parameters.maximumVersion = version
            configuration.identities = identity.map { [$0] } ?? []
            return try TLSClientContext(configuration)
        }

        @Test(arguments: Way.allCases, [TLSVersion.tls12, .tls13])
        func theClientsTLS(_ way: Way, _ version: TLSVersion) throws {
            try withRelay(Self.setup(way)) { relay in
                let client = try begun(relay, way)
                try client.secure(context(version), serverName: "mx.example.com")
                let header = try relay.upstream().proxyHeader().header
                #expect(header.authority == Array("mx.example.com".utf8))
                let facts = try #require(header.tls)
                #expect(facts.client == .tls)
                #expect(facts.verify != 0)
                #expect(facts.version == client.protocolVersion.map { Array($0.utf8) })
                #expect(facts.cipher == client.cipher.map { Array($0.utf8) })
                #expect(facts.commonName == nil)
                #expect(facts.keyAlgorithm != nil && facts.signatureAlgorithm != nil)
            }
        }

        @Test(arguments: Way.allCases) func theClientsCertificate(_ way: Way) throws {
            try withRelay(Self.setup(way, .require(authorities: .root))) { relay in
                let client = try begun(relay, way)
                try client.secure(context(.tls13, .client))
                let header = try relay.upstream().proxyHeader().header
                #expect(header.authority == nil)
                let facts = try #require(header.tls)
                #expect(facts.client == [.tls, .certificateOnConnection, .certificateInSession])
                #expect(facts.verify == 0)
                #expect(facts.commonName == Array("client.example.com".utf8))
            }
        }

        /// One that nobody vouches for is told with what is wrong about it.
        @Test func aCertificateThatIsNotVerified() throws {
            try withRelay(Self.setup(.implicit, .request(authorities: .otherRoot))) { relay in
                let client = try begun(relay, .implicit)
                try client.secure(context(.tls13, .client))
                let facts = try #require(relay.upstream().proxyHeader().header.tls)
                #expect(facts.client.contains(.certificateOnConnection) && facts.verify != 0)
            }
        }

        /// Without TLS there is nothing to tell; with a dial at once there is not yet.
        @Test func aClientInTheClear() throws {
            try withRelay(Self.setup(.starttls)) { relay in
                let client = try relay.client()
                _ = try client.line()
                try client.send(Dialogue.ehlo)
                _ = try (client.line(), client.line())
                try client.send("MAIL FROM:<>\r\n")
                #expect(try relay.upstream().proxyHeader().header.tlvs.isEmpty)
            }
            var setup = Self.setup(.starttls)
            setup.listener.dial = .onAccept
            try withRelay(setup) { relay in
                _ = try relay.client()
                #expect(try relay.upstream().proxyHeader().header.tlvs.isEmpty)
            }
        }

        /// What the proxy in front has found about TLS that ended there is passed on where we have none of our own.
        @Test func theTLSOfTheProxyInFront() throws {
            let ssl = Proxied.tlv(0x20, [1, 0, 0, 0, 0] + Proxied.tlv(0x21, Array("TLSv1.2".utf8)))
            var setup = Self.setup(.implicit)
            setup.listener.proxyProtocol = .init(trusted: [.of("127.0.0.1")])
            setup.upstream.proxyHeader?.passedOn = .listed([.ssl])
            try withRelay(setup) { relay in
                let client = try relay.client(behind: Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + ssl))
                try client.secure(.only(.tls13))
                let header = try relay.upstream().proxyHeader().header
                #expect(header.tlvs.count == 1 && header.tls?.version == Array("TLSv1.3".utf8))
            }
            setup.listener.isImplicitTLS = false
            try withRelay(setup) { relay in
                _ = try relay.client(behind: Proxied.v2(Proxied.proxy, 0x11, Proxied.ipv4 + ssl))
                #expect(try relay.upstream().proxyHeader().header.tls?.version == Array("TLSv1.2".utf8))
            }
        }

        // MARK: Probes

        private func probing(_ version: OutgoingProxyHeader.Version) -> Setup {
            Setup { setup in
                setup.upstream.proxyHeader = OutgoingProxyHeader(version: version)
                setup.upstream.proxyHeader?.addsUniqueID = true
                setup.upstream.hostname = "relay.example"
                setup.upstream.health.probe = .ehlo
                setup.upstream.health.interval = .milliseconds(20)
            }
        }

        @Test func aProbeIsNobodysConnection() throws {
            try withRelay(probing(.v2)) { relay in
                let probe = try relay.upstream()
                #expect(try probe.proxyHeader().bytes == Proxied.v2(Proxied.local, 0, []))
                try probe.send(Dialogue.greeting)
                try probe.expect("EHLO relay.example\r\n")
                try probe.send(Dialogue.ehloReply)
                try probe.expect("QUIT\r\n")
            }
        }

        /// Version 1 has but UNKNOWN for that, which servers refuse.
        @Test func aProbeInVersion1TellsOfItself() throws {
            try withRelay(probing(.v1)) { relay in
                let line = try relay.upstream().proxyLine().split(separator: " ")
                #expect(line[..<4] == ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"])
                #expect(line[5] == "\(relay.server.address.port)")
            }
        }
    }
}
