import Ring
import TLS
import TestCertificates
import Testing

@Suite("Facts")
struct FactTests {
    @Test("are nil before the handshake and after a failure")
    func none() throws {
        let pair = try TLSPair(server: .test { $0.clientCertificates = .request(authorities: nil) })
        func expectNothing() {
            for engine in [pair.client.engine, pair.server.engine] {
                #expect(engine.group == nil)
                #expect(engine.signatureScheme == nil)
                #expect(engine.peerSignatureScheme == nil)
                #expect(engine.verification == nil)
                #expect(engine.peerCertificate == nil)
                #expect(engine.ownCertificate == nil)
                #expect(engine.session == nil)
            }
        }
        expectNothing()
        pair.exchange()
        #expect(pair.isEstablished)
        for end in [pair.client, pair.server] { end.receive(Array("QUIT\r\nQUIT\r\n".utf8)) }
        expectNothing()
    }

    @Test(
        "tell the key exchange and the signature of the server",
        arguments: [
            (TLSIdentity.ecdsa, "EC256", "ecdsa_secp256r1_sha256"), (.rsa, "RSA2048", "rsa_pss_rsae_sha256"),
        ], [TLSVersion.tls12, .tls13])
    func server(_ identity: (TLSIdentity, key: String, scheme: String), version: TLSVersion) throws {
        let pair = try TLSPair.established(
            server: .test {
                $0.identities = [identity.0]
                $0.parameters.allow(only: version)
            }, client: .test { $0.parameters.groups = "X25519:P-256" })
        let (client, server) = (pair.client.engine, pair.server.engine)
        #expect(client.group == "x25519")
        #expect(server.group == "x25519")
        #expect(server.signatureScheme == identity.scheme)
        #expect(client.peerSignatureScheme == identity.scheme)
        #expect(server.peerSignatureScheme == nil)
        #expect(server.peerCertificate == nil)
        let certificate = try #require(client.peerCertificate)
        #expect(server.ownCertificate == certificate)
        #expect(certificate.commonName == "mx.example.com")
        #expect(certificate.keyAlgorithm == identity.key)
        #expect(certificate.signatureAlgorithm == "SHA256")
        #expect(certificate.der.starts(with: [0x30, 0x82]))
        #expect(certificate.der.count == 4 + Int(certificate.der[2]) << 8 + Int(certificate.der[3]))
    }

    @Test("tell the signature and the certificate of the client", arguments: [TLSVersion.tls12, .tls13])
    func client(version: TLSVersion) throws {
        let pair = try TLSPair.established(
            server: .test {
                $0.clientCertificates = .require(authorities: .root)
                $0.parameters.allow(only: version)
            }, client: .test { $0.identities = [.client] })
        #expect(pair.server.engine.peerSignatureScheme == "ecdsa_secp256r1_sha256")
        #expect(pair.client.engine.signatureScheme == "ecdsa_secp256r1_sha256")
        let certificate = try #require(pair.server.engine.peerCertificate)
        #expect(certificate.commonName == "client.example.com")
        #expect(certificate.keyAlgorithm == "EC256")
        #expect(certificate.signatureAlgorithm == "SHA256")
    }

    @Test("leave out what a resumed session did not do", arguments: [TLSVersion.tls12, .tls13])
    func resumed(version: TLSVersion) throws {
        let server = TLSServerConfiguration.test {
            $0.parameters.allow(only: version)
            $0.ticketKeys = TLSTicketKeys()
        }
        let client = try TLSClientContext(.test())
        let first = try TLSPair(server: TLSServerContext(server), client: client)
        first.exchange()
        let second = try TLSPair(
            server: TLSServerContext(server), client: client, session: first.client.engine.session)
        second.exchange()
        #expect(second.server.engine.isResumed)
        #expect(second.server.engine.signatureScheme == nil)
        #expect(second.server.engine.ownCertificate == nil)
        #expect(second.client.engine.peerSignatureScheme == nil)
        #expect(second.client.engine.peerCertificate == first.client.engine.peerCertificate)
        #expect(second.client.engine.verification?.outcome == .verified)
        #expect(second.server.engine.group == "x25519")
    }
}
