import Testing

@testable import Wire

@Suite struct ProxyEncodingTests {
    static let authority = ProxyTLV(.authority, bytes("mx.example"))
    static let uniqueID = ProxyTLV(.uniqueID, bytes("abc"))

    @Test("A header is written byte by byte as laid down")
    func layout() throws {
        let source = try ProxyHeader.Endpoint("192.0.2.1", 56324)
        let destination = try ProxyHeader.Endpoint("198.51.100.2", 25)
        let header = ProxyHeader(origin: .proxied(source: source, destination: destination), tlvs: [Self.authority])
        let expected = binaryHeader(0x21, 0x11, ProxyBinaryTests.ipv4 + tlv(2, bytes("mx.example")))
        #expect(header.encodedV2() == .init(bytes: expected, droppedTLVs: 0))
        let mixed = ProxyHeader(origin: .proxied(source: try .init("2001:db8::1", 1), destination: destination))
        let block = [0x20, 1, 0x0D, 0xB8] + zeros(11) + [1] + zeros(10) + [255, 255, 198, 51, 100, 2] + [0, 1, 0, 25]
        #expect(mixed.encodedV2().bytes == binaryHeader(0x21, 0x21, block))
        #expect(ProxyHeader(origin: .local).encodedV2().bytes == binaryHeader(0x20, 0x00, []))
        #expect(
            ProxyHeader(origin: .unix(source: bytes("/run/a"), destination: bytes("\0b\0c"))).encodedV2().bytes
                == binaryHeader(0x21, 0x31, ProxyBinaryTests.unix))
    }

    @Test("What is written is read as it was, with and without a checksum", arguments: [false, true])
    func roundTrip(hasChecksum: Bool) throws {
        let ends = try ["192.0.2.1", "2001:db8::1", "::", "0.0.0.0"].map { try ProxyHeader.Endpoint($0, 65_535) }
        var origins: [ProxyHeader.Origin] = [
            .local, .unix(source: bytes("/run/a"), destination: []),
            .unix(source: [UInt8](repeating: 1, count: 108), destination: bytes("\0x")),
        ]
        for source in ends {
            for destination in ends { origins.append(.proxied(source: source, destination: destination)) }
        }
        for origin in origins {
            for tlvs in [[], [Self.authority], [Self.uniqueID, Self.authority, Self.uniqueID]] {
                let header = ProxyHeader(origin: origin, tlvs: tlvs)
                let encoded = header.encodedV2(hasChecksum: hasChecksum)
                #expect(encoded.droppedTLVs == 0)
                #expect(try ProxyHeader(filling: encoded.bytes) == header)
            }
        }
    }

    @Test("TLVs for which there is no room are left out and counted")
    func dropping() throws {
        let tlvs = [
            Self.authority, ProxyTLV(.init(rawValue: 0xE0), zeros(4_000)),
            ProxyTLV(.init(rawValue: 0xE1), zeros(70_000)),
            Self.uniqueID,
        ]
        let header = ProxyHeader(origin: .local, tlvs: tlvs)
        #expect(header.encodedV2().droppedTLVs == 1)
        let small = header.encodedV2(hasChecksum: true, limitBytes: 256)
        #expect(small.droppedTLVs == 2)
        #expect(try ProxyHeader(filling: small.bytes).tlvs == [Self.authority, Self.uniqueID])
        let tight = ProxyHeader(origin: .local, tlvs: [ProxyTLV(.init(rawValue: 0xE0), zeros(65_532))])
        #expect(tight.encodedV2(limitBytes: ProxyHeader.formatLimitBytes).bytes.count == ProxyHeader.formatLimitBytes)
        #expect(tight.encodedV2(hasChecksum: true, limitBytes: ProxyHeader.formatLimitBytes).droppedTLVs == 1)
    }

    @Test("TLVs that no reader takes are left out and counted; what is about another header is not sent on")
    func refusing() throws {
        let tlvs = [
            ProxyTLV(.uniqueID, zeros(129)), ProxyTLV(.ssl, zeros(4)), ProxyTLV(.crc32c, zeros(4)),
            ProxyTLV(.noop, zeros(4)),
        ]
        let encoded = ProxyHeader(origin: .local, tlvs: tlvs).encodedV2()
        #expect(encoded == .init(bytes: binaryHeader(0x20, 0x00, []), droppedTLVs: 2))
        let many = [ProxyTLV](repeating: Self.uniqueID, count: ProxyHeader.tlvCountLimit + 3)
        let most = ProxyHeader(origin: .local, tlvs: many).encodedV2()
        #expect(most.droppedTLVs == 3)
        #expect(try ProxyHeader(filling: most.bytes).tlvs.count == ProxyHeader.tlvCountLimit)
    }

    @Test(
        "The checksum is CRC-32C",
        arguments: [
            ("", 0), ("123456789", 0xE306_9283), ("a", 0xC1D0_4330),
        ] as [(String, UInt32)])
    func checksum(_ text: String, _ value: UInt32) {
        let stream = bytes(text)
        #expect(CRC32C.of(stream.span, length: stream.count, zeroed: 0..<0) == value)
        // RFC 3720 section B.4: 32 bytes of zeros.
        #expect(CRC32C.of(zeros(32).span, length: 32, zeroed: 0..<0) == 0x8A91_36AA)
        #expect(CRC32C.of((zeros(16) + bytes("0123456789abcdef")).span, length: 32, zeroed: 16..<32) == 0x8A91_36AA)
    }
}

@Suite struct ProxyTLSFactsTests {
    static let facts: ProxyTLSFacts = {
        var facts = ProxyTLSFacts(client: [.tls, .certificateOnConnection], verify: 0x0102_0304)
        facts.version = bytes("TLSv1.3")
        facts.commonName = bytes("client.example")
        facts.cipher = bytes("TLS_AES_256_GCM_SHA384")
        facts.signatureAlgorithm = bytes("RSA-SHA256")
        facts.keyAlgorithm = bytes("RSA2048")
        facts.group = bytes("x25519")
        facts.signatureScheme = bytes("rsa_pss_rsae_sha256")
        return facts
    }()

    @Test("Facts are written as laid down, and read again from a header")
    func roundTrip() throws {
        var few = ProxyTLSFacts(client: .tls, verify: 1)
        few.version = bytes("TLSv1.2")
        #expect(few.tlv == ProxyTLV(.ssl, [1, 0, 0, 0, 1] + tlv(0x21, bytes("TLSv1.2"))))
        for facts in [few, Self.facts, ProxyTLSFacts(client: [], verify: .max)] {
            let header = ProxyHeader(origin: .local, tlvs: [facts.tlv])
            #expect(try ProxyHeader(filling: header.encodedV2(hasChecksum: true).bytes).tls == facts)
        }
        let types: [UInt8] = [0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27]
        var reader = ProxyTLVReader(5..<Self.facts.tlv.value.count)
        for type in types { #expect(try reader.next(in: Self.facts.tlv.value.span)?.0.rawValue == type) }
        #expect(try reader.next(in: Self.facts.tlv.value.span) == nil)
    }

    @Test("The first of a type counts, unknown ones are skipped")
    func reading() throws {
        let inner = tlv(0x28, [1, 2, 3]) + tlv(0x22, bytes("a")) + tlv(0x22, bytes("b")) + tlv(0x99, [])
        let facts = try #require(ProxyTLSFacts(value: [7, 0, 0, 0, 0] + inner))
        #expect(facts.client == [.tls, .certificateOnConnection, .certificateInSession])
        #expect(facts.verify == 0 && facts.commonName == bytes("a") && facts.version == nil)
    }

    @Test("A value cut anywhere but between its parts is none")
    func truncated() {
        let value: [UInt8] = [1, 0, 0, 0, 0] + tlv(0x21, bytes("TLSv1.3")) + tlv(0x23, bytes("x"))
        for count in 0..<value.count {
            #expect(
                (ProxyTLSFacts(value: Array(value.prefix(count))) != nil) == (count == 5 || count == 15), "\(count)")
        }
    }

    @Test("A text that is too long is left out, not cut")
    func longText() {
        var facts = ProxyTLSFacts(client: .tls, verify: 0)
        facts.commonName = [UInt8](repeating: 0x61, count: ProxyTLSFacts.textLimitBytes)
        #expect(ProxyTLSFacts(value: facts.tlv.value) == facts)
        facts.commonName?.append(0x61)
        #expect(facts.tlv.value == [1, 0, 0, 0, 0])
    }

    @Test("A header's first TLV of a type is what it says")
    func typedReading() throws {
        let header = ProxyHeader(
            origin: .local,
            tlvs: [ProxyTLV(.authority, bytes("a")), ProxyTLV(.authority, bytes("b")), ProxyTLV(.uniqueID, [0])])
        #expect(header.authority == bytes("a") && header.uniqueID == [0] && header.tls == nil)
        #expect(header.value(of: .alpn) == nil && ProxyHeader(origin: .local).authority == nil)
    }
}
