import Ring
import TLS
import Testing

@Suite("Failures")
struct FailureTests {
    static let plainTexts: [(String, [UInt8])] = [
        ("an HTTP request", Array("GET / HTTP/1.1\r\nHost: mx\r\n\r\n".utf8)),
        ("an HTTP proxy request", Array("CONNECT mx:25 HTTP/1.1\r\n\r\n".utf8)),
        ("an SMTP command", Array("EHLO client.example.org\r\n".utf8)),
        ("an SMTP reply", Array("220 mx.example.com ESMTP\r\n".utf8)),
        ("zeros", [UInt8](repeating: 0, count: 64)),
        ("a PROXY header", [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]),
    ]

    @Test("plain text instead of a handshake is told apart", arguments: plainTexts, [Split.whole, .every(1)])
    func notTLS(sent: (String, [UInt8]), split: Split) throws {
        for end in [TLSEnd(TLSEngine(server: try TLSServerContext(.test()))), try TLSPair().client] {
            let before = end.out.count
            end.receive(sent.1, split: split)
            #expect(end.status == .failed)
            #expect(end.engine.failure?.label == .notTLS)
            #expect(!end.engine.isEstablished)
            #expect(end.out.count == before, "no alert goes to who cannot read one")
        }
    }

    @Test("random bytes never establish anything", arguments: 0..<200)
    func randomBytes(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let server = TLSEnd(TLSEngine(server: try TLSServerContext(.test())))
        server.receive(generator.bytes(600), split: .random(seed: seed, most: 100))
        #expect(!server.engine.isEstablished)
        #expect(server.plaintext.count == 0)
        if server.status == .failed { #expect(server.engine.failure != nil) }
    }

    @Test("versions that do not meet")
    func versions() throws {
        let low = try TLSPair(server: .only(.tls13), client: .only(.tls12))
        low.exchange()
        #expect(low.server.engine.failure?.label == .unsupportedVersion)
        #expect(low.client.engine.failure == .peerAlert(.protocolVersion))

        let high = try TLSPair(server: .only(.tls12), client: .only(.tls13))
        high.exchange()
        #expect(high.server.engine.failure?.label == .unsupportedVersion)
        #expect(high.client.engine.failure == .peerAlert(.protocolVersion))
    }

    @Test("a client below the minimum is refused")
    func minimum() throws {
        let pair = try TLSPair(client: .only(.tls11))
        pair.exchange()
        #expect(pair.server.engine.failure?.label == .unsupportedVersion)
    }

    @Test("ciphers that do not meet")
    func ciphers() throws {
        let old = try TLSPair(
            server: .test {
                $0.parameters.maximumVersion = .tls12
                $0.parameters.ciphers = "AES256-GCM-SHA384:ECDHE+AES256"
            },
            client: .test { $0.parameters.ciphers = "ECDHE+AES128" })
        old.exchange()
        #expect(old.server.engine.failure == .noSharedCipher)
        #expect(old.client.engine.failure == .peerAlert(.handshakeFailure))

        let new = try TLSPair(
            server: .test { $0.parameters.ciphersuites = "TLS_AES_128_GCM_SHA256" },
            client: .test {
                $0.parameters.allow(only: .tls13)
                $0.parameters.ciphersuites = "TLS_AES_256_GCM_SHA384"
            })
        new.exchange()
        #expect(new.server.engine.failure == .noSharedCipher)
    }

    @Test("groups that do not meet")
    func groups() throws {
        let pair = try TLSPair(
            server: .test {
                $0.parameters.minimumVersion = .tls13
                $0.parameters.groups = "P-384"
            },
            client: .test { $0.parameters.groups = "X25519" })
        pair.exchange()
        #expect(pair.server.engine.failure == .noSharedGroup)
    }

    @Test("signatures that do not meet")
    func signatures() throws {
        let pair = try TLSPair(
            server: .test {
                $0.identities = [.ecdsa]
                $0.parameters.minimumVersion = .tls13
            },
            client: .test { $0.signatureAlgorithms = "rsa_pss_rsae_sha256" })
        pair.exchange()
        #expect(pair.server.engine.failure == .noSharedSignature)
    }

    @Test("a server that nobody vouches for", arguments: [TLSVersion.tls12, .tls13])
    func unknownAuthority(version: TLSVersion) throws {
        let server = TLSServerConfiguration.test {
            $0.identities = [TLSIdentity(certificateChain: .ecdsaAlone, privateKey: TLSIdentity.ecdsa.privateKey)]
        }
        let client = TLSClientConfiguration.test {
            $0.authorities = .file(.intermediate)
            $0.parameters.allow(only: version)
        }
        let trusted = try TLSPair(server: server, client: client)
        trusted.exchange()
        #expect(trusted.isEstablished, "the intermediate certificate is an authority too")

        let pair = try TLSPair(server: server, client: .only(version))
        pair.exchange()
        let found = try #require(pair.client.engine.failure?.verification)
        #expect(found.outcome == .unknownAuthority)
        #expect(found.text.contains("issuer"))
        #expect(pair.server.engine.failure == .peerAlert(.unknownCertificateAuthority))
        #expect(pair.server.engine.failure?.description == "the peer sent the alert unknown_ca")
    }

    @Test("a server of another name", arguments: ["mx.example.org", "a.b.example.net", "127.0.0.2"])
    func wrongName(name: String) throws {
        let pair = try TLSPair(name: name)
        pair.exchange()
        #expect(pair.client.engine.failure?.label == .badCertificate)
        #expect(pair.client.engine.failure?.verification?.outcome == .nameMismatch)
        #expect(pair.client.engine.failure?.description.contains("mismatch") == true)
    }

    @Test("a tampered record", arguments: [TLSVersion.tls12, .tls13])
    func tampered(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.client.send("MAIL FROM:<a@example.org>\r\n")
        var ciphertext = pair.client.takeOut()
        ciphertext[ciphertext.count - 1] ^= 1
        pair.server.receive(ciphertext)
        #expect(pair.server.status == .failed)
        #expect(pair.server.engine.failure?.label == .badRecord)
        #expect(pair.server.plaintext.count == 0)

        pair.exchange()
        #expect(pair.client.engine.failure == .peerAlert(TLSAlert(rawValue: 20)))
        #expect(pair.server.send("250 too late\r\n") == .failed)
        #expect(pair.server.out.count == 0)
    }

    @Test("plain text in the middle of a connection", arguments: [TLSVersion.tls12, .tls13])
    func plainInTheMiddle(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.server.receive(Array("QUIT\r\nQUIT\r\n".utf8))
        #expect(pair.server.status == .failed)
        #expect(pair.server.engine.failure?.label == .badRecord)
        #expect(pair.server.out.count > 0)
    }

    @Test("an altered byte of the first message never traps", arguments: 0..<60)
    func alteredHello(step: Int) throws {
        let pair = try TLSPair()
        var hello = pair.client.takeOut()
        hello[(step * hello.count) / 60] ^= 0xFF
        pair.server.receive(hello)
        pair.exchange()
        #expect(!pair.isEstablished)
    }

    @Test("messages of the wrong form")
    func malformedHello() throws {
        let server = TLSEnd(TLSEngine(server: try TLSServerContext(.test())))
        server.receive([0x16, 0x03, 0x01, 0x00, 0x06, 0x01, 0x00, 0x00, 0x02, 0x03, 0x03])
        #expect(server.engine.failure?.label == .decodeError)
        #expect(Array(server.takeOut().suffix(2)) == [2, 50], "the fatal alert decode_error")

        let other = TLSEnd(TLSEngine(server: try TLSServerContext(.test())))
        other.receive([0x16, 0x03, 0x01, 0x00, 0x04, 0x0B, 0x00, 0x00, 0x00])
        #expect(other.engine.failure?.label == .protocolError)
    }

    @Test("labels and names are stable")
    func labels() {
        #expect(
            TLSFailure.Label.allCases.map(\.rawValue) == [
                "not_tls", "unsupported_version", "no_shared_cipher", "no_shared_group", "no_shared_signature",
                "bad_certificate", "no_certificate", "peer_alert", "bad_record", "decode_error", "protocol_error",
                "internal_error", "timeout", "closed",
            ])
        #expect(TLSFailure.timeout.label == .timeout)
        #expect(TLSFailure.closed.label == .closed)
        #expect(TLSAlert.handshakeFailure.description == "handshake_failure")
        #expect(TLSAlert(rawValue: 200).description == "alert_200")
    }
}
