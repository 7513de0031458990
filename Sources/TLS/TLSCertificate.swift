import COpenSSL

/// What may be told about a certificate, for instance in a PROXY header. What is in a peer's comes from outside.
public struct TLSCertificate: Sendable, Equatable {
    /// As it came, in DER; a chain of at most 100 KiB is taken from a peer.
    public let der: [UInt8]
    /// The first common name of the subject, whatever is in it: cut and escape it before it is logged or sent.
    public let commonName: String?
    /// With its bits: `RSA2048`, `EC256`, `ED25519`.
    public let keyAlgorithm: String
    /// The digest that it is signed with, `SHA256`; the signature's name where that has none of its own, `ED25519`.
    public let signatureAlgorithm: String

    /// Takes over what the shim has filled in.
    init(taking facts: inout copenssl_certificate) {
        der = Array(UnsafeBufferPointer(start: facts.der, count: facts.der_length))
        commonName = facts.common_name.map {
            String(decoding: UnsafeBufferPointer(start: $0, count: facts.common_name_length), as: UTF8.self)
        }
        keyAlgorithm = withUnsafeBytes(of: facts.key_algorithm) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        signatureAlgorithm = withUnsafeBytes(of: facts.signature_algorithm) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        copenssl_certificate_release(&facts)
    }
}
