import TLS
import TestCertificates

extension TLSFile {
    init(_ name: String, _ text: String) { self.init(name: name, bytes: Array(text.utf8)) }
}

extension TLSIdentity {
    static let ecdsa = TLSIdentity(
        certificateChain: TLSFile("ecdsa.pem", TestCertificates.ecdsaChain),
        privateKey: TLSFile("ecdsa.key", TestCertificates.ecdsaKey))
    static let rsa = TLSIdentity(
        certificateChain: TLSFile("rsa.pem", TestCertificates.rsaChain),
        privateKey: TLSFile("rsa.key", TestCertificates.rsaKey))
    static let named = TLSIdentity(
        "named", TestCertificates.namedCertificate, TestCertificates.namedKey)
    static let wildcard = TLSIdentity(
        "wildcard", TestCertificates.wildcardCertificate, TestCertificates.wildcardKey)
    static let selfSigned = TLSIdentity("self", TestCertificates.selfCertificate, TestCertificates.selfKey)
    static let expired = TLSIdentity("expired", TestCertificates.expiredCertificate, TestCertificates.expiredKey)
    static let future = TLSIdentity("future", TestCertificates.futureCertificate, TestCertificates.futureKey)
    static let client = TLSIdentity("client", TestCertificates.clientCertificate, TestCertificates.clientKey)
    static let expiredClient = TLSIdentity(
        "expired-client", TestCertificates.expiredClientCertificate, TestCertificates.expiredClientKey)
    static let otherClient = TLSIdentity(
        "other-client", TestCertificates.otherClientCertificate, TestCertificates.otherClientKey)

    init(_ name: String, _ certificate: String, _ key: String) {
        self.init(certificateChain: TLSFile("\(name).pem", certificate), privateKey: TLSFile("\(name).key", key))
    }
}

extension TLSFile {
    static let root = TLSFile("root.pem", TestCertificates.root)
    static let otherRoot = TLSFile("other-root.pem", TestCertificates.otherRoot)
    static let ecdsaAlone = TLSFile("ecdsa.pem", TestCertificates.ecdsaCertificate)
    static let intermediate = TLSFile("intermediate.pem", TestCertificates.intermediate)
}

extension TLSServerConfiguration {
    /// With both identities, and changed by `change`.
    static func test(_ change: (inout Self) -> Void = { _ in }) -> Self {
        var configuration = Self(listener: "mx", identities: [.ecdsa, .rsa])
        change(&configuration)
        return configuration
    }

    static func only(_ version: TLSVersion) -> Self {
        test { $0.parameters.allow(only: version) }
    }
}

extension TLSClientConfiguration {
    /// Trusting the test root, and changed by `change`.
    static func test(_ change: (inout Self) -> Void = { _ in }) -> Self {
        var configuration = Self(authorities: .file(.root))
        change(&configuration)
        return configuration
    }

    static func only(_ version: TLSVersion) -> Self {
        test { $0.parameters.allow(only: version) }
    }
}

extension TLSParameters {
    mutating func allow(only version: TLSVersion) {
        minimumVersion = version
        maximumVersion = version
    }
}
