import COpenSSL

/// HMAC (RFC 2104).
public enum KeyedDigest {
    /// With MD5: 16 bytes, for CRAM-MD5 (RFC 2195) alone. Empty where OpenSSL does not do MD5, as under FIPS.
    public static func md5(of bytes: Span<UInt8>, key: Span<UInt8>) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 16)
        let result = bytes.withUnsafeBufferPointer { bytes in
            key.withUnsafeBufferPointer { key in
                copenssl_hmac_md5(key.baseAddress, key.count, bytes.baseAddress, bytes.count, &digest)
            }
        }
        return result == 0 ? digest : []
    }
}
