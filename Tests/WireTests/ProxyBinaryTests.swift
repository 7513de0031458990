import Testing
import Wire

/// Version 2.
@Suite struct ProxyBinaryTests {
    static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0, 25]
    static let ipv6: [UInt8] = [0x20, 1, 0x0D, 0xB8] + zeros(11) + [1] + zeros(15) + [1] + [0, 1, 0, 2]
    static let unix: [UInt8] = bytes("/run/a") + zeros(102) + bytes("\0b\0c") + zeros(104)
    static let authority = tlv(0x02, bytes("mx.example"))

    struct Fixture: Sendable, CustomTestStringConvertible {
        var name: String
        var stream: [UInt8]
        /// Nil for the real ends.
        var ends: [String]?
        var tlvs: [ProxyTLV] = []
        var testDescription: String { name }
    }

    static let oneTLV = [ProxyTLV(.authority, bytes("mx.example"))]
    static let fixtures: [Fixture] = [
        Fixture(name: "TCP4", stream: binaryHeader(0x21, 0x11, ipv4), ends: ["192.0.2.1:56324", "198.51.100.2:25"]),
        Fixture(
            name: "TCP4, TLVs", stream: binaryHeader(0x21, 0x11, ipv4 + authority + tlv(0xEA, []) + tlv(0x02, [0x78])),
            ends: ["192.0.2.1:56324", "198.51.100.2:25"],
            tlvs: oneTLV + [ProxyTLV(.init(rawValue: 0xEA), []), ProxyTLV(.authority, [0x78])]),
        Fixture(
            name: "NOOP", stream: binaryHeader(0x21, 0x11, ipv4 + tlv(0x04, zeros(9)) + authority + tlv(0x04, [])),
            ends: ["192.0.2.1:56324", "198.51.100.2:25"], tlvs: oneTLV),
        Fixture(
            name: "TCP6", stream: binaryHeader(0x21, 0x21, ipv6 + authority), ends: ["[2001:db8::1]:1", "[::1]:2"],
            tlvs: oneTLV),
        Fixture(
            name: "TCP6, mapped",
            stream: binaryHeader(0x21, 0x21, zeros(10) + [255, 255, 192, 0, 2, 1] + zeros(15) + [1] + [0, 1, 0, 2]),
            ends: ["192.0.2.1:1", "[::1]:2"]),
        Fixture(name: "UDP4", stream: binaryHeader(0x21, 0x12, ipv4 + authority), tlvs: oneTLV),
        Fixture(name: "UDP6", stream: binaryHeader(0x21, 0x22, ipv6 + authority), tlvs: oneTLV),
        Fixture(name: "Unix datagram", stream: binaryHeader(0x21, 0x32, unix + authority), tlvs: oneTLV),
        Fixture(name: "UNSPEC", stream: binaryHeader(0x21, 0x00, [])),
        Fixture(name: "UNSPEC, TLVs", stream: binaryHeader(0x21, 0x00, authority), tlvs: oneTLV),
        Fixture(name: "UNSPEC, anything", stream: binaryHeader(0x21, 0x00, [1, 2])),
        Fixture(name: "TCP, no family", stream: binaryHeader(0x21, 0x01, ipv4 + authority)),
        Fixture(name: "IPv4, no transport", stream: binaryHeader(0x21, 0x10, authority)),
        Fixture(name: "LOCAL", stream: binaryHeader(0x20, 0x00, [])),
        Fixture(name: "LOCAL, TLVs", stream: binaryHeader(0x20, 0x00, authority), tlvs: oneTLV),
        Fixture(name: "LOCAL with addresses", stream: binaryHeader(0x20, 0x11, ipv4 + authority), tlvs: oneTLV),
        Fixture(name: "LOCAL, no addresses", stream: binaryHeader(0x20, 0x11, [])),
        Fixture(name: "LOCAL, unknown family", stream: binaryHeader(0x20, 0xF7, ipv4)),
        Fixture(name: "LOCAL, anything", stream: binaryHeader(0x20, 0x00, [2, 0, 9, 9])),
    ]

    @Test("A header is read at its last byte, and no byte behind it", arguments: fixtures)
    func read(_ fixture: Fixture) throws {
        let stream = fixture.stream + bytes("EHLO x\r\n")
        let (outcome, count) = firstOutcome(stream)
        guard case .header(let header, let length) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(count == fixture.stream.count && length == count)
        #expect(ProxyHeader.next(in: stream.span) == outcome)
        #expect(header.version == .v2 && header.tlvs == fixture.tlvs)
        guard case .proxied(let source, let destination) = header.origin else {
            #expect(header.origin == .local && fixture.ends == nil)
            return
        }
        #expect([source.description, destination.description] == fixture.ends)
    }

    @Test("Unix paths are read")
    func unixPaths() throws {
        let header = try ProxyHeader(filling: binaryHeader(0x21, 0x31, Self.unix + Self.authority))
        #expect(header.origin == .unix(source: bytes("/run/a"), destination: bytes("\0b\0c")))
        #expect(header.tlvs == Self.oneTLV)
        let unnamed = try ProxyHeader(filling: binaryHeader(0x21, 0x31, zeros(216)))
        #expect(unnamed.origin == .unix(source: [], destination: []))
        let full = [UInt8](repeating: 0x61, count: 108)
        // What stands behind a path's end is of no meaning.
        let rest = bytes("/x\0rest") + zeros(101)
        #expect(
            try ProxyHeader(filling: binaryHeader(0x21, 0x31, full + rest)).origin
                == .unix(source: full, destination: bytes("/x")))
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var stream: [UInt8]
        var error: ProxyHeaderError
        /// How many bytes it takes to know; all if nil.
        var bytes: Int?
        var testDescription: String { "\(error)" }
    }

    static let refused: [Refused] = [
        Refused(stream: bytes("\r\n\r\n\0\r\nQUIT\r"), error: .notAHeader, bytes: 12),
        Refused(stream: bytes("\r\n\r\nQUIT\r\n"), error: .notAHeader, bytes: 5),
        Refused(stream: binaryHeader(0x11, 0x11, ipv4), error: .unknownCommand(0x11), bytes: 13),
        Refused(stream: binaryHeader(0x31, 0x11, ipv4), error: .unknownCommand(0x31), bytes: 13),
        Refused(stream: binaryHeader(0x22, 0x11, ipv4), error: .unknownCommand(0x22), bytes: 13),
        Refused(stream: binaryHeader(0x21, 0x41, ipv4), error: .unknownFamily(0x41), bytes: 14),
        Refused(stream: binaryHeader(0x21, 0x13, ipv4), error: .unknownFamily(0x13), bytes: 14),
        Refused(
            stream: binaryHeader(0x21, 0x11, [], length: 4_081), error: .headerTooLong(lengthBytes: 4_097), bytes: 16),
        Refused(
            stream: binaryHeader(0x20, 0x00, [], length: 65_535), error: .headerTooLong(lengthBytes: 65_551), bytes: 16),
        Refused(stream: binaryHeader(0x21, 0x11, Array(ipv4.dropLast())), error: .addressesTruncated, bytes: 16),
        Refused(stream: binaryHeader(0x21, 0x12, Array(ipv4.dropLast())), error: .addressesTruncated, bytes: 16),
        Refused(stream: binaryHeader(0x21, 0x21, Array(ipv6.dropLast())), error: .addressesTruncated, bytes: 16),
        Refused(stream: binaryHeader(0x21, 0x31, Array(unix.dropLast())), error: .addressesTruncated, bytes: 16),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + [2]), error: .tlvOverrun),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + [2, 0]), error: .tlvOverrun),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(2, [1, 2], length: 3)), error: .tlvOverrun),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(4, [], length: 65_535)), error: .tlvOverrun),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(5, zeros(129))), error: .badTLV(.uniqueID)),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(3, zeros(3))), error: .badTLV(.crc32c)),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(3, zeros(4)) + tlv(3, zeros(4))), error: .badTLV(.crc32c)),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(3, zeros(4))), error: .badChecksum),
        Refused(stream: binaryHeader(0x20, 0x00, tlv(3, zeros(4))), error: .badChecksum),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(0x20, zeros(4))), error: .badTLV(.ssl)),
        Refused(stream: binaryHeader(0x21, 0x11, ipv4 + tlv(0x20, zeros(5) + [0x21, 0])), error: .badTLV(.ssl)),
        Refused(
            stream: binaryHeader(0x21, 0x11, ipv4 + tlv(0x20, zeros(5) + tlv(0x21, [1], length: 2))),
            error: .badTLV(.ssl)),
        Refused(
            stream: binaryHeader(0x21, 0x11, ipv4 + Array(repeating: tlv(0xE0, []), count: 65).flatMap(\.self)),
            error: .tooManyTLVs),
    ]

    @Test("What is wrong shows early, and is the same at every length", arguments: refused)
    func refuse(_ refused: Refused) {
        let (outcome, count) = firstOutcome(refused.stream)
        #expect(outcome == .malformed(refused.error))
        #expect(count == refused.bytes ?? refused.stream.count)
        #expect(ProxyHeader.next(in: (refused.stream + bytes("EHLO x\r\n")).span) == outcome)
        #expect(!refused.error.description.isEmpty)
    }

    @Test("The longest header taken, and the most TLVs")
    func limits() throws {
        let longest = binaryHeader(0x21, 0x11, Self.ipv4 + tlv(0xE0, zeros(4_096 - 16 - 12 - 3)))
        #expect(longest.count == ProxyHeader.binaryLimitBytes)
        #expect(try ProxyHeader(filling: longest).tlvs.first?.value.count == 4_065)
        let most = Array(repeating: tlv(0xE0, []), count: ProxyHeader.tlvCountLimit).flatMap(\.self)
        let padding = Array(repeating: tlv(0x04, []), count: 200).flatMap(\.self)
        #expect(
            try ProxyHeader(filling: binaryHeader(0x21, 0x11, Self.ipv4 + padding + most)).tlvs.count
                == ProxyHeader.tlvCountLimit)
        #expect(
            try ProxyHeader(filling: binaryHeader(0x21, 0x11, Self.ipv4 + tlv(5, zeros(128)))).uniqueID == zeros(128))
    }

    @Test("A checksum holds for every bit of the header, its own included")
    func checksum() throws {
        let end = try ProxyHeader.Endpoint("192.0.2.1", 25)
        let header = ProxyHeader(
            origin: .proxied(source: end, destination: end), tlvs: [ProxyTLV(.authority, bytes("mx.example"))])
        let encoded = header.encodedV2(hasChecksum: true)
        #expect(try ProxyHeader(filling: encoded.bytes) == header)
        for index in 16..<encoded.bytes.count {
            for bit in 0..<8 {
                var changed = encoded.bytes
                changed[index] ^= 1 << bit
                let outcome = ProxyHeader.next(in: changed.span)
                // A type or a length that changes may hide the checksum itself.
                guard case .header(let read, _) = outcome else { continue }
                #expect(changed[41] != 3 || changed[42...43] != [0, 4], "\(index) \(bit) \(read)")
            }
        }
        var changed = encoded.bytes
        changed[16] ^= 1
        #expect(ProxyHeader.next(in: changed.span) == .malformed(.badChecksum))
    }
}
