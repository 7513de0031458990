import TLS
import TestCertificates
import Testing

@Suite("Certificate names")
struct CertificateNamesTests {
    @Test("are those of the certificate")
    func names() throws {
        let pair = try TLSPair(
            server: .test { $0.clientCertificates = .request(authorities: .root) },
            client: .test { $0.identities = [.client] }, name: "mx.example.com")
        pair.exchange()
        let certificate = try #require(pair.server.engine.peerCertificate)
        let names = try #require(TLSCertificateNames(certificate))
        #expect(names.subject == "CN=client.example.com")
        #expect(names.issuer == "CN=Mailrace Test Root")
        #expect(names.serial == "283A45A29A86DEC28F45463E419DF6EA5206CC61")
        #expect(names.fingerprint == "4069d1cbcc2bd9010e6dab36b1c43bf328776f61")
    }
}
