import Ring
import TLS
import TestCertificates
import TestSupport

/// What a server learns of a client that shows the tests' client certificate.
func tlsOfClient(authorities: TLSFile?, shows: Bool = true) throws -> ClientFacts {
    var serving = TLSServerConfiguration.test
    serving.clientCertificates = .request(authorities: authorities)
    var dialling = TLSClientConfiguration(authorities: .none)
    if shows {
        let identity = TLSIdentity(
            certificateChain: TLSFile("client.pem", TestCertificates.clientCertificate),
            privateKey: TLSFile("client.key", TestCertificates.clientKey))
        dialling.identities = [identity]
    }
    let server = TLSEngine(server: try TLSServerContext(serving))
    let client = try TLSEngine(client: TLSClientContext(dialling))
    var plaintext = ByteQueue()
    var toServer = ByteQueue()
    var toClient = ByteQueue()
    _ = client.open([UInt8]().span.bytes, plaintext: &plaintext, reply: &toServer)
    while !toServer.isEmpty || !toClient.isEmpty {
        let forServer = toServer.take(toServer.count)
        let forClient = toClient.take(toClient.count)
        _ = server.open(forServer.span.bytes, plaintext: &plaintext, reply: &toClient)
        _ = client.open(forClient.span.bytes, plaintext: &plaintext, reply: &toServer)
    }
    return ClientFacts(verification: server.verification, certificate: server.peerCertificate)
}

struct ClientFacts: Sendable {
    let verification: TLSVerification?
    let certificate: TLSCertificate?
}
