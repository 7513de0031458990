/// One fact of a PROXY header of version 2: a type and a value (section 2.2 of the specification).
public struct ProxyTLV: Sendable, Hashable {
    /// The longest UNIQUE_ID, in bytes (section 2.2.5).
    public static let uniqueIDLimitBytes = 128

    public let kind: Kind
    /// Foreign bytes.
    public let value: [UInt8]

    public init(_ kind: Kind, _ value: [UInt8]) {
        self.kind = kind
        self.value = value
    }

    /// Whether the value is what the type demands. What is not is neither read nor sent.
    public var isWellFormed: Bool {
        switch kind {
        case .uniqueID: value.count <= Self.uniqueIDLimitBytes
        case .ssl: ProxyTLSFacts(value: value) != nil
        default: true
        }
    }

    /// The type of a TLV, within a header or within SSL.
    public struct Kind: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let alpn = Kind(rawValue: 0x01)
        public static let authority = Kind(rawValue: 0x02)
        public static let crc32c = Kind(rawValue: 0x03)
        public static let noop = Kind(rawValue: 0x04)
        public static let uniqueID = Kind(rawValue: 0x05)
        public static let ssl = Kind(rawValue: 0x20)
        /// These stand within SSL only.
        public static let sslVersion = Kind(rawValue: 0x21)
        public static let sslCommonName = Kind(rawValue: 0x22)
        public static let sslCipher = Kind(rawValue: 0x23)
        public static let sslSignatureAlgorithm = Kind(rawValue: 0x24)
        public static let sslKeyAlgorithm = Kind(rawValue: 0x25)
        public static let sslGroup = Kind(rawValue: 0x26)
        public static let sslSignatureScheme = Kind(rawValue: 0x27)
        /// DER.
        public static let sslClientCertificate = Kind(rawValue: 0x28)
        public static let networkNamespace = Kind(rawValue: 0x30)

        /// `0xEA`.
        public var description: String { "0x" + hexadecimal(rawValue) }
    }
}

/// Goes through TLVs that fill a range of bytes.
struct ProxyTLVReader {
    /// The bytes before each value: the type and the length.
    static let prefixBytes = 3

    private var rest: Range<Int>

    init(_ range: Range<Int>) { rest = range }

    /// The next TLV's type, and where in `bytes` its value stands; nil behind the last. Throws `tlvOverrun`.
    mutating func next(in bytes: Span<UInt8>) throws(ProxyHeaderError) -> (ProxyTLV.Kind, Range<Int>)? {
        guard !rest.isEmpty else { return nil }
        guard rest.count >= Self.prefixBytes else { throw .tlvOverrun }
        let start = rest.lowerBound + Self.prefixBytes
        let length = Int(bytes[start - 2]) << 8 | Int(bytes[start - 1])
        guard length <= rest.upperBound - start else { throw .tlvOverrun }
        rest = start + length..<rest.upperBound
        return (ProxyTLV.Kind(rawValue: bytes[start - Self.prefixBytes]), start..<start + length)
    }
}

extension [UInt8] {
    /// Appends a number of two bytes, the greater one first.
    mutating func append(bigEndian number: UInt16) {
        append(UInt8(number >> 8))
        append(UInt8(truncatingIfNeeded: number))
    }

    /// Appends a TLV, whose value has at most 65,535 bytes.
    mutating func append(_ kind: ProxyTLV.Kind, _ value: [UInt8]) {
        append(kind.rawValue)
        append(bigEndian: UInt16(value.count))
        self += value
    }
}
