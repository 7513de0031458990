import Relay
import TLS
import TestCertificates
import TestSupport
import Wire

extension TLSIdentity {
    /// For mx.example.com, 127.0.0.1 and others, by the root through an intermediate.
    static let ecdsa = TLSIdentity("ecdsa", TestCertificates.ecdsaChain, TestCertificates.ecdsaKey)
    static let expired = TLSIdentity("expired", TestCertificates.expiredCertificate, TestCertificates.expiredKey)
    static let selfSigned = TLSIdentity("self", TestCertificates.selfCertificate, TestCertificates.selfKey)
    static let client = TLSIdentity("client", TestCertificates.clientCertificate, TestCertificates.clientKey)

    private init(_ name: String, _ chain: String, _ key: String) {
        self.init(certificateChain: TLSFile("\(name).pem", chain), privateKey: TLSFile("\(name).key", key))
    }
}

extension TLSFile {
    static let root = TLSFile("root.pem", TestCertificates.root)
    /// Vouches for the test certificates, expired ones included.
    static let intermediate = TLSFile("intermediate.pem", TestCertificates.intermediate)
    static let otherRoot = TLSFile("other-root.pem", TestCertificates.otherRoot)
}

/// The SHA-256 of a key, in the form the settings take it.
func pin(_ hexadecimal: String) -> [UInt8] {
    let digits = Array(hexadecimal)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
}

extension TLSServerConfiguration {
    /// An upstream with this identity.
    static func upstream(
        _ identity: TLSIdentity = .ecdsa, _ change: (inout TLSServerConfiguration) -> Void = { _ in }
    ) -> TLSServerConfiguration {
        var configuration = TLSServerConfiguration(listener: "upstream", identities: [identity])
        change(&configuration)
        return configuration
    }

    static func upstream(only version: TLSVersion) -> TLSServerConfiguration {
        upstream {
            $0.parameters.minimumVersion = version
            $0.parameters.maximumVersion = version
        }
    }
}

extension Setup {
    /// With TLS towards the upstream, whose certificate is to be the test root's and for 127.0.0.1.
    static func upstreamTLS(
        _ policy: UpstreamSettings.TLSPolicy, _ starttls: ListenerSettings.StartTLSPolicy = .off,
        _ change: (inout Setup) -> Void = { _ in }
    ) -> Setup {
        Setup(starttls) { setup in
            setup.upstream.tls = policy
            setup.upstream.tlsClient = TLSClientConfiguration(authorities: .file(.root))
            change(&setup)
        }
    }

    var tlsClient: TLSClientConfiguration {
        get { upstream.tlsClient ?? TLSClientConfiguration(authorities: .none) }
        set { upstream.tlsClient = newValue }
    }
}

extension Peer {
    /// As the upstream: offers STARTTLS in answer to EHLO and is asked for it.
    func offerTLS() throws {
        try expect(Dialogue.ehlo)
        try send(Dialogue.ehloReply)
        try expect("STARTTLS\r\n")
    }

    /// As the upstream: takes STARTTLS, which it was asked for.
    func takeTLS(_ configuration: TLSServerConfiguration = .upstream()) throws {
        try send(Dialogue.goAhead)
        try secureAsServer(TLSServerContext(configuration))
    }
}

extension Dialogue {
    /// The upstream's answer to STARTTLS.
    static let goAhead = "220 2.0.0 Go ahead\r\n"
    /// What the client is told where the upstream is to have TLS and does not get it.
    static let noUpstreamTLS = "421 4.7.5 Upstream TLS not available ["

    /// A new session as far as the upstream's having taken STARTTLS; the client waits for the reply to its EHLO.
    init(_ relay: TestRelay, upstream configuration: TLSServerConfiguration) throws {
        try self.init(relay, upTo: .greeted)
        try client.send(Self.ehlo)
        try upstream.offerTLS()
        try upstream.takeTLS(configuration)
        try upstream.expect(Self.ehlo)
    }
}
