import COpenSSL

/// Who a certificate is for and from, as text that is printable ASCII throughout.
public struct TLSCertificateNames: Sendable, Equatable {
    /// `CN=client.example.com,O=Example` (RFC 2253: the last of the names comes first).
    public let subject: String
    public let issuer: String
    /// In hexadecimal digits with capital letters.
    public let serial: String
    /// SHA-1 over the certificate in hexadecimal digits with small letters. A name for it and no proof.
    public let fingerprint: String

    /// Reads the certificate anew at each call; nil where it is none.
    public init?(_ certificate: TLSCertificate) {
        var names = copenssl_certificate_names()
        guard copenssl_certificate_get_names(certificate.der, certificate.der.count, &names) else { return nil }
        defer { copenssl_certificate_names_release(&names) }
        subject = String(cString: names.subject)
        issuer = String(cString: names.issuer)
        serial = String(cString: names.serial)
        fingerprint = withUnsafeBytes(of: names.sha1) { digest in
            digest.reduce(into: "") { $0 += ($1 < 0x10 ? "0" : "") + String($1, radix: 16) }
        }
    }
}
