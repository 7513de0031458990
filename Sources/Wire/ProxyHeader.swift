/// What a proxy in front says about a connection, before the first byte of the connection itself: the PROXY protocol,
/// versions 1 and 2 (proxy-protocol.txt of HAProxy, section 2).
public struct ProxyHeader: Sendable, Equatable {
    public enum Version: Int, Sendable {
        /// A line of text.
        case v1 = 1
        /// Binary, with TLVs.
        case v2 = 2
    }

    /// One end of a TCP connection.
    public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
        public let address: IPAddress
        public let port: UInt16

        public init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }

        /// `192.0.2.1:25` or `[2001:db8::1]:25`.
        public var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
    }

    /// Where the connection comes from.
    public enum Origin: Sendable, Equatable {
        /// The header says nothing to use: the connection's real ends hold. A connection of the proxy's own (LOCAL), or
        /// one that is not told about (UNKNOWN, UNSPEC) or of no use here (datagrams).
        case local
        /// TCP. The source is the client.
        case proxied(source: Endpoint, destination: Endpoint)
        /// A Unix stream socket: paths of at most `unixPathLimitBytes`, an abstract one with its NUL in front, an
        /// unnamed one empty.
        case unix(source: [UInt8], destination: [UInt8])
    }

    /// The longest header of version 1 taken, in bytes, its CRLF included (section 2.1).
    public static let lineLimitBytes = 107
    /// The longest header of version 2 taken, in bytes, all of it. The format has room for 65,551, which would let
    /// every connection take 64 KiB before it is anybody's. Load balancers send some hundred bytes; a client
    /// certificate within the SSL TLV fits as a rule.
    public static let binaryLimitBytes = 4_096
    /// The most TLVs taken; NOOP and CRC32C do not count.
    public static let tlvCountLimit = 64
    public static let unixPathLimitBytes = 108

    public let version: Version
    public let origin: Origin
    /// What else is said, in order; empty in version 1. NOOP and CRC32C are about the header, and never listed.
    public let tlvs: [ProxyTLV]

    public init(version: Version = .v2, origin: Origin, tlvs: [ProxyTLV] = []) {
        self.version = version
        self.origin = origin
        self.tlvs = tlvs
    }

    /// The host name that the client asked for, as a rule in TLS (SNI). Foreign text.
    public var authority: [UInt8]? { value(of: .authority) }
    /// The proxy's name for the connection: at most `ProxyTLV.uniqueIDLimitBytes` of anything.
    public var uniqueID: [UInt8]? { value(of: .uniqueID) }
    /// What the proxy knows about the client's TLS.
    public var tls: ProxyTLSFacts? { value(of: .ssl).flatMap(ProxyTLSFacts.init(value:)) }

    /// The value of the first TLV of a type.
    public func value(of type: ProxyTLV.Kind) -> [UInt8]? {
        tlvs.first { $0.kind == type }?.value
    }
}

/// Reading.
extension ProxyHeader {
    /// What stands at the front of a connection's bytes.
    public enum Outcome: Sendable, Equatable {
        /// The beginning of a header, as far as can be told. Ask again with the same bytes and more behind them.
        case incomplete
        /// A header of `length` bytes. What follows it is the client's.
        case header(ProxyHeader, length: Int)
        /// No header, whatever follows. The connection is closed without a word.
        case malformed(ProxyHeaderError)
    }

    /// Reads the header that begins `bytes`, all that has come so far on a connection.
    ///
    /// What is wrong is told as soon as it shows, and is the same however the bytes arrive.
    public static func next(in bytes: Span<UInt8>) -> Outcome {
        guard bytes.count > 0 else { return .incomplete }
        do throws(ProxyHeaderError) {
            return bytes[0] == binarySignature[0] ? try nextBinary(in: bytes) : try nextLine(in: bytes)
        } catch {
            return .malformed(error)
        }
    }
}
