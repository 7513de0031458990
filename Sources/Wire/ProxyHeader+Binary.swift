/// Version 2: a signature, a command, a family, a length, two addresses, TLVs (section 2.2 of the specification).
extension ProxyHeader {
    static let binarySignature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    /// What stands before the addresses: the signature, the command, the family, the length of the rest.
    static let binaryPrefixBytes = 16

    static func nextBinary(in bytes: Span<UInt8>) throws(ProxyHeaderError) -> Outcome {
        for index in 0..<min(bytes.count, binarySignature.count) where bytes[index] != binarySignature[index] {
            throw .notAHeader
        }
        guard bytes.count > 12 else { return .incomplete }
        guard let command = ProxyCommand(rawValue: bytes[12]) else { throw .unknownCommand(bytes[12]) }
        guard bytes.count > 13 else { return .incomplete }
        let family = try family(bytes[13], of: command)
        guard bytes.count >= binaryPrefixBytes else { return .incomplete }

        let length = binaryPrefixBytes + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard length <= binaryLimitBytes else { throw .headerTooLong(lengthBytes: length) }
        // LOCAL is to be taken whatever stands in its block, and in UNSPEC anything may.
        let isBinding = command == .proxy && family.hasAddresses
        let tlvStart = family.addressBytes.map { binaryPrefixBytes + $0 }
        if isBinding, let tlvStart, tlvStart > length { throw .addressesTruncated }
        guard bytes.count >= length else { return .incomplete }

        var tlvs: [ProxyTLV] = []
        if let tlvStart, tlvStart <= length {
            do throws(ProxyHeaderError) {
                tlvs = try Self.tlvs(in: bytes, from: tlvStart, to: length)
            } catch {
                // Of what cannot be read, nothing is kept. A wrong checksum was read very well.
                if isBinding || error == .badChecksum { throw error }
            }
        }
        let origin = command == .proxy ? family.origin(bytes) : .local
        return .header(ProxyHeader(version: .v2, origin: origin, tlvs: tlvs), length: length)
    }

    /// LOCAL ignores its family, so that any will do.
    private static func family(_ byte: UInt8, of command: ProxyCommand) throws(ProxyHeaderError) -> ProxyFamily {
        if let family = ProxyFamily(byte) { return family }
        guard command == .local else { throw .unknownFamily(byte) }
        return .unclear
    }

    private static func tlvs(
        in bytes: Span<UInt8>, from start: Int, to end: Int
    ) throws(ProxyHeaderError) -> [ProxyTLV] {
        var tlvs: [ProxyTLV] = []
        var checksum: Range<Int>?
        var reader = ProxyTLVReader(start..<end)
        while let (kind, range) = try reader.next(in: bytes) {
            switch kind {
            case .noop: break
            case .crc32c:
                guard range.count == 4, checksum == nil else { throw .badTLV(kind) }
                checksum = range
            default:
                guard tlvs.count < tlvCountLimit else { throw .tooManyTLVs }
                var value: [UInt8] = []
                value.append(bytes, in: range)
                let tlv = ProxyTLV(kind, value)
                guard tlv.isWellFormed else { throw .badTLV(kind) }
                tlvs.append(tlv)
            }
        }
        if let checksum {
            let stated = checksum.reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
            guard CRC32C.of(bytes, length: end, zeroed: checksum) == stated else { throw .badChecksum }
        }
        return tlvs
    }
}

/// The version and the command.
enum ProxyCommand: UInt8 {
    case local = 0x20
    case proxy = 0x21
}

/// The address family and the transport protocol.
enum ProxyFamily: Equatable {
    case unspecified
    case ipv4(isStream: Bool)
    case ipv6(isStream: Bool)
    case unix(isStream: Bool)
    /// A family without a protocol or the other way round: what the addresses look like is not laid down.
    case unclear

    /// Nil where a half of the byte is not assigned.
    init?(_ byte: UInt8) {
        let transport = byte & 0x0F
        guard byte >> 4 <= 3, transport <= 2 else { return nil }
        switch byte >> 4 {
        case 0 where transport == 0: self = .unspecified
        case 1 where transport > 0: self = .ipv4(isStream: transport == 1)
        case 2 where transport > 0: self = .ipv6(isStream: transport == 1)
        case 3 where transport > 0: self = .unix(isStream: transport == 1)
        default: self = .unclear
        }
    }

    var hasAddresses: Bool { addressBytes ?? 0 > 0 }

    /// How long the addresses with their ports are; nil where nobody can tell.
    var addressBytes: Int? {
        switch self {
        case .unspecified: 0
        case .ipv4: 12
        case .ipv6: 36
        case .unix: 2 * ProxyHeader.unixPathLimitBytes
        case .unclear: nil
        }
    }

    /// Reads the addresses behind the prefix of a header, all of which must be there.
    func origin(_ bytes: Span<UInt8>) -> ProxyHeader.Origin {
        let start = ProxyHeader.binaryPrefixBytes
        func number(_ offset: Int, _ count: Int) -> UInt128 {
            (0..<count).reduce(0) { $0 << 8 | UInt128(bytes[start + offset + $1]) }
        }
        switch self {
        case .ipv4(isStream: true):
            return .proxied(
                source: .init(address: IPAddress(ipv4: UInt32(number(0, 4))), port: UInt16(number(8, 2))),
                destination: .init(address: IPAddress(ipv4: UInt32(number(4, 4))), port: UInt16(number(10, 2))))
        case .ipv6(isStream: true):
            return .proxied(
                source: .init(address: IPAddress(ipv6: number(0, 16)), port: UInt16(number(32, 2))),
                destination: .init(address: IPAddress(ipv6: number(16, 16)), port: UInt16(number(34, 2))))
        case .unix(isStream: true):
            let size = ProxyHeader.unixPathLimitBytes
            return .unix(
                source: Self.path(bytes, in: start..<start + size),
                destination: Self.path(bytes, in: start + size..<start + 2 * size))
        case .unspecified, .ipv4, .ipv6, .unix, .unclear:
            return .local
        }
    }

    /// A path ends at its first NUL; an abstract name begins with one, and loses only the padding.
    private static func path(_ bytes: Span<UInt8>, in range: Range<Int>) -> [UInt8] {
        var end = range.lowerBound
        if bytes[end] == .nul {
            for index in range where bytes[index] != .nul { end = index + 1 }
        } else {
            while end < range.upperBound, bytes[end] != .nul { end += 1 }
        }
        var path: [UInt8] = []
        path.append(bytes, in: range.lowerBound..<end)
        return path
    }
}
