/// Writing. A header is the first thing on a connection, and goes out in one write.
extension ProxyHeader {
    /// A header of version 2 to send.
    public struct Encoded: Sendable, Equatable {
        public let bytes: [UInt8]
        /// How many TLVs are left out: those for which there is no room, and those that no reader would take.
        public let droppedTLVs: Int
    }

    /// The longest header that the format has room for, in bytes.
    public static let formatLimitBytes = binaryPrefixBytes + Int(UInt16.max)

    /// The longest header without TLVs, in bytes, the checksum included.
    private static let bareLimitBytes = binaryPrefixBytes + 2 * unixPathLimitBytes + checksumBytes
    /// Room for IPv6 and the checksum.
    private static let usualBytes = binaryPrefixBytes + 36 + checksumBytes
    private static let checksumBytes = ProxyTLVReader.prefixBytes + 4

    /// The header as a line of text, its CRLF included. TLVs have no place in it.
    ///
    /// Addresses of two families are both written as IPv6, the IPv4 one as IPv4-mapped. `UNKNOWN` stands for anything
    /// but TCP; there are servers that refuse it, so that a health check is better told as a connection from and to
    /// its real ends.
    public func encodedV1() -> [UInt8] {
        guard case .proxied(let source, let destination) = origin else { return [UInt8]("PROXY UNKNOWN\r\n".utf8) }
        let isIPv4 = source.address.isIPv4 && destination.address.isIPv4
        let addresses = [source.address, destination.address].map { isIPv4 ? $0.description : $0.descriptionIPv6 }
        let fields = [isIPv4 ? "TCP4" : "TCP6"] + addresses + ["\(source.port)", "\(destination.port)"]
        let line = [UInt8]("PROXY \(fields.joined(separator: " "))\r\n".utf8)
        precondition(line.count <= Self.lineLimitBytes)
        return line
    }

    /// The header in binary: LOCAL where the origin is `local`, else PROXY.
    ///
    /// - Parameters:
    ///   - hasChecksum: Whether a CRC32C ends it.
    ///   - limitBytes: What it may take in all. TLVs that do not fit are left out, and smaller ones behind them still
    ///     have a chance. At least what a header without TLVs takes.
    public func encodedV2(hasChecksum: Bool = false, limitBytes: Int = binaryLimitBytes) -> Encoded {
        precondition((Self.bareLimitBytes...Self.formatLimitBytes).contains(limitBytes))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.usualBytes + tlvs.reduce(0) { $0 + $1.value.count + ProxyTLVReader.prefixBytes })
        bytes += Self.binarySignature
        appendAddresses(to: &bytes)

        let roomBytes = limitBytes - (hasChecksum ? Self.checksumBytes : 0)
        var taken = 0
        var dropped = 0
        // A checksum that was taken over from elsewhere is of another header.
        for tlv in tlvs where tlv.kind != .crc32c && tlv.kind != .noop {
            let hasRoom = tlv.value.count <= roomBytes - bytes.count - ProxyTLVReader.prefixBytes
            guard hasRoom, taken < Self.tlvCountLimit, tlv.isWellFormed else {
                dropped += 1
                continue
            }
            bytes.append(tlv.kind, tlv.value)
            taken += 1
        }

        let end = bytes.count
        if hasChecksum { bytes.append(.crc32c, [0, 0, 0, 0]) }
        let length = UInt16(bytes.count - Self.binaryPrefixBytes)
        bytes[14] = UInt8(length >> 8)
        bytes[15] = UInt8(truncatingIfNeeded: length)
        if hasChecksum {
            let checksum = CRC32C.of(bytes.span, length: bytes.count, zeroed: 0..<0)
            bytes.removeLast(4)
            bytes.append(bigEndian: UInt16(checksum >> 16))
            bytes.append(bigEndian: UInt16(truncatingIfNeeded: checksum))
        }
        precondition(bytes.count <= limitBytes && end <= roomBytes)
        return Encoded(bytes: bytes, droppedTLVs: dropped)
    }

    /// The command, the family, a length of zero, and the addresses.
    private func appendAddresses(to bytes: inout [UInt8]) {
        switch origin {
        case .local:
            bytes += [ProxyCommand.local.rawValue, 0x00, 0, 0]
        case .proxied(let source, let destination):
            let isIPv4 = source.address.isIPv4 && destination.address.isIPv4
            bytes.append(ProxyCommand.proxy.rawValue)
            bytes.append(isIPv4 ? 0x11 : 0x21)
            bytes.append(bigEndian: 0)
            source.address.appendOctets(to: &bytes, asIPv4: isIPv4)
            destination.address.appendOctets(to: &bytes, asIPv4: isIPv4)
            bytes.append(bigEndian: source.port)
            bytes.append(bigEndian: destination.port)
        case .unix(let source, let destination):
            bytes += [ProxyCommand.proxy.rawValue, 0x31, 0, 0]
            for path in [source, destination] {
                precondition(path.count <= Self.unixPathLimitBytes)
                bytes += path + [UInt8](repeating: 0, count: Self.unixPathLimitBytes - path.count)
            }
        }
    }
}
