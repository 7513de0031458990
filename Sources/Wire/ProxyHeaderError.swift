/// Which rule the bytes at the front of a connection break, so that they are no PROXY header. It quotes none of them.
public enum ProxyHeaderError: Error, Equatable, CustomStringConvertible {
    /// Neither of the two versions begins like this.
    case notAHeader

    /// There is no CRLF within `ProxyHeader.lineLimitBytes`.
    case lineTooLong
    /// The line holds a byte that may not stand within a line.
    case forbidden(ForbiddenByte)
    /// The line names a protocol other than TCP4, TCP6 and UNKNOWN.
    case unknownProtocol
    /// The line has fewer or more fields than a protocol, two addresses and two ports.
    case fieldCount
    /// A field is no address of the family that the line names.
    case notAnAddress
    /// A field is no number from 0 to 65535 without leading zeros.
    case notAPort

    /// The version is not 2, or the command neither LOCAL nor PROXY. The byte holds both.
    case unknownCommand(UInt8)
    /// The address family or the transport protocol is not assigned. The byte holds both.
    case unknownFamily(UInt8)
    /// The header is longer than `ProxyHeader.binaryLimitBytes`.
    case headerTooLong(lengthBytes: Int)
    /// The header has less room than two addresses of its family take.
    case addressesTruncated
    /// A TLV reaches past the end of the header.
    case tlvOverrun
    /// There are more TLVs than `ProxyHeader.tlvCountLimit`.
    case tooManyTLVs
    /// The value of a TLV is not what its type demands.
    case badTLV(ProxyTLV.Kind)
    /// The checksum is another one.
    case badChecksum

    public var description: String {
        switch self {
        case .notAHeader: "no PROXY header"
        case .lineTooLong: "PROXY line longer than \(ProxyHeader.lineLimitBytes) bytes"
        case .forbidden(let byte): "\(byte) in a PROXY line"
        case .unknownProtocol: "unknown protocol in a PROXY line"
        case .fieldCount: "PROXY line with too few or too many fields"
        case .notAnAddress: "bad address in a PROXY line"
        case .notAPort: "bad port in a PROXY line"
        case .unknownCommand(let byte): "unknown PROXY version or command 0x\(hexadecimal(byte))"
        case .unknownFamily(let byte): "unknown PROXY family or protocol 0x\(hexadecimal(byte))"
        case .headerTooLong(let length):
            "PROXY header of \(length) bytes, longer than \(ProxyHeader.binaryLimitBytes)"
        case .addressesTruncated: "PROXY header shorter than its addresses"
        case .tlvOverrun: "TLV longer than the PROXY header"
        case .tooManyTLVs: "PROXY header with more than \(ProxyHeader.tlvCountLimit) TLVs"
        case .badTLV(let kind): "bad value of PROXY TLV \(kind)"
        case .badChecksum: "PROXY header with a wrong checksum"
        }
    }
}
