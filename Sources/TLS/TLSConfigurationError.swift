/// Why a TLS configuration cannot be used: which part of it, and what is wrong there.
public struct TLSConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong. Texts inside are OpenSSL's words, or a value from the configuration.
    public enum Problem: Sendable, Equatable {
        case noIdentity
        case noCertificate
        case malformedCertificate(String)
        /// With the date on which its time ended.
        case expired(String)
        /// With the date on which its time begins.
        case notYetValid(String)
        case noKey
        case malformedKey(String)
        case passwordMissing
        case passwordWrong
        /// The key does not belong to the certificate in the file named.
        case notTheKey(of: String)
        /// Another certificate has a key of the same type; a handshake could never choose between them.
        case repeatedKeyType
        /// OpenSSL's security level does not allow the certificate.
        case refused(String)
        case unknownValue(String)
        case versionsReversed(minimum: TLSVersion, maximum: TLSVersion)
        case noServerName
        case noNames
        /// Not a host name, nor a wildcard for the first label of one.
        case badName(String)
        case repeatedName(String)
        /// A pin has another length than a SHA-256 digest.
        case badPin(bytes: Int)
        case outOfMemory
    }

    /// The file (as its ``TLSFile/name`` says) or the setting.
    public let subject: String
    public let problem: Problem

    init(_ subject: String, _ problem: Problem) {
        self.subject = subject
        self.problem = problem
    }

    public var description: String { "\(subject): \(problem)" }
}

extension TLSConfigurationError.Problem: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noIdentity: "a server needs a certificate and its key"
        case .noCertificate: "holds no certificate in PEM form"
        case .malformedCertificate(let reason): "holds a certificate that cannot be read (\(reason))"
        case .expired(let date): "the certificate expired on \(date)"
        case .notYetValid(let date): "the certificate is not valid before \(date)"
        case .noKey: "holds no private key in PEM form"
        case .malformedKey(let reason): "holds a private key that cannot be read (\(reason))"
        case .passwordMissing: "the private key is encrypted, and no password is given"
        case .passwordWrong: "the private key cannot be decrypted with the password given"
        case .notTheKey(let certificate): "is not the private key of the certificate in \(certificate)"
        case .repeatedKeyType: "another certificate of the same key type is configured already"
        case .refused(let reason): "the certificate is refused (\(reason))"
        case .unknownValue(let value): "\"\(value)\" is not known"
        case .versionsReversed(let minimum, let maximum):
            "the minimum, \(minimum.rawValue), is above the maximum, \(maximum.rawValue)"
        case .noServerName: "a host name or an address is needed"
        case .noNames: "names are needed"
        case .badName(let name): "\"\(name)\" is neither a host name nor a wildcard like *.example.net"
        case .repeatedName(let name): "\"\(name)\" has a certificate already"
        case .badPin(let bytes): "a pin is a SHA-256 digest of 32 bytes, not of \(bytes)"
        case .outOfMemory: "no memory, or OpenSSL's own configuration is broken"
        }
    }
}
