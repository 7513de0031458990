/// What a proxy tells about its client's TLS: the TLV SSL (section 2.2.6 of the specification).
///
/// Texts are bytes, because they are a peer's; escape them before they are logged.
public struct ProxyTLSFacts: Sendable, Equatable {
    /// What the client did.
    public struct Client: OptionSet, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// It speaks TLS.
        public static let tls = Client(rawValue: 0x01)
        /// It sent a certificate on this connection.
        public static let certificateOnConnection = Client(rawValue: 0x02)
        /// It sent a certificate at least once in this TLS session.
        public static let certificateInSession = Client(rawValue: 0x04)
    }

    /// The longest text sent, in bytes. A longer one is left out: cut, it would be another name.
    public static let textLimitBytes = 255

    public var client: Client
    /// 0 where the client's certificate was verified; anything else where it was not, or where there is none.
    public var verify: UInt32
    /// `TLSv1.3`.
    public var version: [UInt8]?
    /// The common name of the client's certificate.
    public var commonName: [UInt8]?
    /// `TLS_AES_256_GCM_SHA384`.
    public var cipher: [UInt8]?
    /// What signed the proxy's certificate: `RSA-SHA256`.
    public var signatureAlgorithm: [UInt8]?
    /// The key of the proxy's certificate: `RSA2048`.
    public var keyAlgorithm: [UInt8]?
    /// The key exchange: `x25519`.
    public var group: [UInt8]?
    /// What the proxy signed the handshake with: `rsa_pss_rsae_sha256`.
    public var signatureScheme: [UInt8]?

    public init(client: Client, verify: UInt32) {
        self.client = client
        self.verify = verify
    }

    /// Each text with its type, in the order of sending.
    private static let texts: [(kind: ProxyTLV.Kind, path: any WritableKeyPath<ProxyTLSFacts, [UInt8]?> & Sendable)] = [
        (.sslVersion, \.version), (.sslCommonName, \.commonName), (.sslCipher, \.cipher),
        (.sslSignatureAlgorithm, \.signatureAlgorithm), (.sslKeyAlgorithm, \.keyAlgorithm), (.sslGroup, \.group),
        (.sslSignatureScheme, \.signatureScheme),
    ]

    /// Reads the value of the TLV: the client's bits, four bytes of verification, TLVs within. The first of a type
    /// counts; unknown ones are skipped. Nil where it is too short, or a TLV within reaches past its end.
    public init?(value: [UInt8]) {
        guard value.count >= 5 else { return nil }
        client = Client(rawValue: value[0])
        verify = value[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
        var reader = ProxyTLVReader(5..<value.count)
        do throws(ProxyHeaderError) {
            while let (kind, range) = try reader.next(in: value.span) {
                guard let path = Self.texts.first(where: { $0.kind == kind })?.path else { continue }
                if self[keyPath: path] == nil { self[keyPath: path] = Array(value[range]) }
            }
        } catch {
            return nil
        }
    }

    /// The TLV that says all this.
    public var tlv: ProxyTLV {
        var value = [client.rawValue]
        value.append(bigEndian: UInt16(verify >> 16))
        value.append(bigEndian: UInt16(truncatingIfNeeded: verify))
        for (kind, path) in Self.texts {
            guard let text = self[keyPath: path], text.count <= Self.textLimitBytes else { continue }
            value.append(kind, text)
        }
        return ProxyTLV(.ssl, value)
    }
}
