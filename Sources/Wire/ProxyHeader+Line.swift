/// Version 1: a line of text (section 2.1 of the specification).
///
///     PROXY TCP4 192.0.2.1 198.51.100.1 56324 25<CRLF>
///
/// The line is read from its front on each call, field by field, up to the first byte that cannot stand within it. So
/// the first mistake is the one that is told, wherever the reads end.
extension ProxyHeader {
    private static let linePrefix = [UInt8]("PROXY ".utf8)
    private static let protocols: [(name: [UInt8], isIPv4: Bool?)] = [
        ([UInt8]("TCP4".utf8), true), ([UInt8]("TCP6".utf8), false), ([UInt8]("UNKNOWN".utf8), nil),
    ]

    static func nextLine(in bytes: Span<UInt8>) throws(ProxyHeaderError) -> Outcome {
        let end = min(bytes.count, lineLimitBytes)
        for index in 0..<min(end, linePrefix.count) where bytes[index] != linePrefix[index] { throw .notAHeader }
        guard end > linePrefix.count else { return .incomplete }

        var textEnd = linePrefix.count
        while textEnd < end, ForbiddenByte(rawValue: bytes[textEnd]) == nil { textEnd += 1 }
        // A CR ends the last field, even while its LF is still to come.
        let isComplete = textEnd < end && bytes[textEnd] == .carriageReturn
        let origin = try origin(bytes, in: linePrefix.count..<textEnd, isComplete: isComplete)

        if textEnd < end, !isComplete, let byte = ForbiddenByte(rawValue: bytes[textEnd]) { throw .forbidden(byte) }
        let length = textEnd + 2
        guard length <= end else {
            guard bytes.count < lineLimitBytes else { throw .lineTooLong }
            return .incomplete
        }
        guard bytes[textEnd + 1] == .lineFeed, let origin else { throw .forbidden(.bareCarriageReturn) }
        return .header(ProxyHeader(version: .v1, origin: origin), length: length)
    }

    /// What the fields in `range` say; nil as long as they are not complete.
    private static func origin(
        _ bytes: Span<UInt8>, in range: Range<Int>, isComplete: Bool
    ) throws(ProxyHeaderError) -> Origin? {
        let fields = fields(bytes, in: range)
        let completeFields = isComplete ? fields.count : fields.count - 1
        guard completeFields > 0 else {
            guard protocols.contains(where: { starts($0.name, with: bytes, in: fields[0]) }) else {
                throw .unknownProtocol
            }
            return nil
        }
        let named = protocols.first { $0.name.count == fields[0].count && starts($0.name, with: bytes, in: fields[0]) }
        guard let named else { throw .unknownProtocol }
        // Whatever else stands in the line of an unknown protocol is to be ignored.
        guard let isIPv4 = named.isIPv4 else { return isComplete ? .local : nil }

        var addresses: [IPAddress] = []
        var ports: [UInt16] = []
        for (index, field) in fields.enumerated().dropFirst() {
            guard index < 5 else { throw .fieldCount }
            if index < completeFields {
                if index < 3 {
                    addresses.append(try address(bytes, in: field, isIPv4: isIPv4))
                } else {
                    ports.append(try port(bytes, in: field))
                }
            } else if !mayBegin(bytes, in: field, isAddress: index < 3, isIPv4: isIPv4) {
                throw index < 3 ? .notAnAddress : .notAPort
            }
        }
        guard isComplete else { return nil }
        guard ports.count == 2 else { throw .fieldCount }
        return .proxied(
            source: Endpoint(address: addresses[0], port: ports[0]),
            destination: Endpoint(address: addresses[1], port: ports[1]))
    }

    /// The parts of `range` between single spaces; one at least.
    private static func fields(_ bytes: Span<UInt8>, in range: Range<Int>) -> [Range<Int>] {
        var fields: [Range<Int>] = []
        var start = range.lowerBound
        for index in range where bytes[index] == .space {
            fields.append(start..<index)
            start = index + 1
        }
        return fields + [start..<range.upperBound]
    }

    private static func starts(_ name: [UInt8], with bytes: Span<UInt8>, in field: Range<Int>) -> Bool {
        guard field.count <= name.count else { return false }
        return name.indices.prefix(field.count).allSatisfy { name[$0] == bytes[field.lowerBound + $0] }
    }

    private static func address(
        _ bytes: Span<UInt8>, in field: Range<Int>, isIPv4: Bool
    ) throws(ProxyHeaderError) -> IPAddress {
        if isIPv4 {
            if let bits = IPAddress.ipv4(bytes, in: field) { return IPAddress(ipv4: bits) }
        } else if let bits = IPAddress.ipv6(bytes, in: field) {
            return IPAddress(ipv6: bits)
        }
        throw .notAnAddress
    }

    private static func port(_ bytes: Span<UInt8>, in field: Range<Int>) throws(ProxyHeaderError) -> UInt16 {
        guard let port = IPAddress.decimal(bytes, in: field, limit: 65_535) else { throw .notAPort }
        return UInt16(port)
    }

    /// Whether a field that has not ended may still become an address or a port.
    private static func mayBegin(_ bytes: Span<UInt8>, in field: Range<Int>, isAddress: Bool, isIPv4: Bool) -> Bool {
        let limitBytes = !isAddress ? 5 : isIPv4 ? 15 : IPAddress.textLimitBytes
        guard field.count <= limitBytes else { return false }
        for index in field where bytes[index].decimalValue == nil {
            guard isAddress else { return false }
            switch bytes[index] {
            case .dot: continue
            case .colon where !isIPv4: continue
            case let byte where !isIPv4 && byte.hexadecimalValue != nil: continue
            default: return false
            }
        }
        return true
    }
}
