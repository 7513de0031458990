/// A version of the protocol, spelled as in the configuration.
public enum TLSVersion: String, Sendable, CaseIterable {
    case tls10 = "TLS1.0"
    case tls11 = "TLS1.1"
    case tls12 = "TLS1.2"
    case tls13 = "TLS1.3"

    /// Reads the configuration's spelling, `TLS1.2`; anything else is an error that names it.
    public init(configured text: String) throws(TLSConfigurationError) {
        guard let version = Self(rawValue: text) else {
            throw TLSConfigurationError("version", .unknownValue(text))
        }
        self = version
    }

    /// The number that stands for it in a handshake (RFC 8446, 4.1.2).
    var wireNumber: Int32 {
        switch self {
        case .tls10: 0x0301
        case .tls11: 0x0302
        case .tls12: 0x0303
        case .tls13: 0x0304
        }
    }
}
