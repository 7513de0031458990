import Ring
import TLS
import Testing

@Suite("Handshake")
struct HandshakeTests {
    @Test("completes however the bytes are cut", arguments: Split.all, [TLSVersion.tls12, .tls13])
    func everySplit(split: Split, version: TLSVersion) throws {
        let pair = try TLSPair(server: .only(version), client: .only(version))
        pair.exchange(split: split)
        #expect(pair.isEstablished)

        pair.client.send("EHLO client.example.org\r\n")
        pair.server.send("250 mx.example.com\r\n")
        pair.exchange(split: split)
        #expect(pair.server.takeText() == "EHLO client.example.org\r\n")
        #expect(pair.client.takeText() == "250 mx.example.com\r\n")
    }

    @Test("tells what was agreed on", arguments: [(TLSVersion.tls12, "TLSv1.2"), (.tls13, "TLSv1.3")])
    func facts(version: TLSVersion, name: String) throws {
        let pair = try TLSPair(server: .only(version), client: .only(version))
        #expect(pair.server.engine.protocolVersion == nil)
        #expect(pair.server.engine.cipher == nil)
        #expect(pair.server.engine.serverName == nil)

        pair.exchange()
        for engine in [pair.client.engine, pair.server.engine] {
            #expect(engine.protocolVersion == name)
            #expect(engine.cipher?.contains("AES_256_GCM") == true || engine.cipher?.contains("AES256-GCM") == true)
            #expect(engine.serverName == "mx.example.com")
            #expect(!engine.isResumed)
            #expect(engine.failure == nil)
        }
    }

    @Test("needs no server name where nothing is verified")
    func noServerName() throws {
        let pair = try TLSPair(client: TLSClientConfiguration(authorities: .none), name: nil)
        pair.exchange()
        #expect(pair.isEstablished)
        #expect(pair.server.engine.serverName == nil)
    }

    @Test(
        "verifies names and addresses, and sends names alone",
        arguments: [
            ("mx.example.com", "mx.example.com"), ("mx.example.com.", "mx.example.com"),
            ("a.example.net", "a.example.net"), ("127.0.0.1", nil), ("::1", nil),
        ])
    func verifiedNames(name: String, indicated: String?) throws {
        let pair = try TLSPair(name: name)
        pair.exchange()
        #expect(pair.isEstablished)
        #expect(pair.server.engine.serverName == indicated)
    }

    @Test("gives plaintext that comes with the client's last message", arguments: [TLSVersion.tls12, .tls13])
    func plaintextAfterFinished(version: TLSVersion) throws {
        let pair = try TLSPair(server: .only(version), client: .only(version))
        pair.server.receive(pair.client.takeOut())
        if version == .tls12 {
            pair.client.receive(pair.server.takeOut())
            pair.server.receive(pair.client.takeOut())
        }
        pair.client.receive(pair.server.takeOut())
        #expect(pair.client.engine.isEstablished)
        if version == .tls13 { #expect(!pair.server.engine.isEstablished) }

        pair.client.send("EHLO a\r\n")
        pair.client.send("MAIL FROM:<>\r\n")
        pair.server.receive(pair.client.takeOut())
        #expect(pair.server.engine.isEstablished)
        #expect(pair.server.takeText() == "EHLO a\r\nMAIL FROM:<>\r\n")
    }

    @Test("serves the certificate that the client can verify", arguments: [TLSVersion.tls12, .tls13])
    func certificateByKeyType(version: TLSVersion) throws {
        for (algorithms, isRSA) in [("ecdsa_secp256r1_sha256", false), ("rsa_pss_rsae_sha256", true)] {
            let client = TLSClientConfiguration.test {
                $0.parameters.allow(only: version)
                $0.signatureAlgorithms = algorithms
            }
            // The chain is signed with ECDSA, which a client of RSA signatures alone does not take from a CA either.
            let lenient = TLSClientConfiguration.test {
                $0 = client
                $0.authorities = .none
            }
            let both = try TLSPair(client: lenient)
            both.exchange()
            #expect(both.isEstablished)
            if version == .tls12 { #expect(both.server.engine.cipher?.contains("-RSA-") == isRSA) }

            for (identity, fits) in [(TLSIdentity.ecdsa, !isRSA), (.rsa, isRSA)] {
                let pair = try TLSPair(server: .test { $0.identities = [identity] }, client: lenient)
                pair.exchange()
                #expect(pair.isEstablished == fits)
            }
        }
    }

    @Test("honours the server's order of ciphers")
    func serverPreference() throws {
        let chacha = "TLS_CHACHA20_POLY1305_SHA256"
        let aes = "TLS_AES_128_GCM_SHA256"
        let pair = try TLSPair.established(
            server: .test { $0.parameters.ciphersuites = "\(chacha):\(aes)" },
            client: .test { $0.parameters.ciphersuites = "\(aes):\(chacha)" })
        #expect(pair.server.engine.cipher == chacha)
    }

    @Test("works with TLS 1.0 and 1.1 where they are asked for", arguments: [TLSVersion.tls10, .tls11])
    func oldVersions(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.client.send("NOOP\r\n")
        pair.exchange()
        #expect(pair.server.takeText() == "NOOP\r\n")
    }

    @Test("limits the groups")
    func groups() throws {
        let pair = try TLSPair.established(
            server: .test { $0.parameters.groups = "P-384" }, client: .test { $0.parameters.groups = "X25519:P-384" })
        #expect(pair.isEstablished)
    }
}
