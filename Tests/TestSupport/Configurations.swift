public import TLS
import TestCertificates

extension TLSFile {
    public init(_ name: String, _ text: String) { self.init(name: name, bytes: Array(text.utf8)) }
}

extension TLSServerConfiguration {
    /// An ECDSA certificate for the listener `mx`.
    public static var test: TLSServerConfiguration {
        let identity = TLSIdentity(
            certificateChain: TLSFile("ecdsa.pem", TestCertificates.ecdsaChain),
            privateKey: TLSFile("ecdsa.key", TestCertificates.ecdsaKey))
        return TLSServerConfiguration(listener: "mx", identities: [identity])
    }
}

extension TLSClientContext {
    /// A client that takes any certificate and speaks this version only.
    public static func only(_ version: TLSVersion) throws -> TLSClientContext {
        var configuration = TLSClientConfiguration(authorities: .none)
        configuration.parameters.minimumVersion = version
        configuration.parameters.maximumVersion = version
        return try TLSClientContext(configuration)
    }
}
