/// What a handshake may agree on. Empty lists are OpenSSL's defaults.
public struct TLSParameters: Sendable, Equatable {
    /// Below 1.2 OpenSSL's security level is lowered to 0, for these versions work on no other; a cipher list with
    /// `@SECLEVEL` has the last word.
    public var minimumVersion = TLSVersion.tls12
    /// Nil: the newest.
    public var maximumVersion: TLSVersion?
    /// Up to TLS 1.2, in the syntax of openssl-ciphers(1). Elements that add or move must name something.
    public var ciphers = ""
    /// TLS 1.3: names with colons between them, in the order of preference.
    public var ciphersuites = ""
    /// Groups of the key exchange: names with colons between them, in the order of preference.
    public var groups = ""

    public init() {}
}
