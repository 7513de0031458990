import Testing
import Wire

/// Version 1.
@Suite struct ProxyLineTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        var line: String
        /// Nil for the real ends.
        var ends: [String]?
        var testDescription: String { visible(line) }
    }

    static let fixtures: [Fixture] = [
        Fixture(line: "PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n", ends: ["192.0.2.1:56324", "198.51.100.2:25"]),
        Fixture(line: "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", ends: ["0.0.0.0:0", "0.0.0.0:0"]),
        Fixture(
            line: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            ends: ["255.255.255.255:65535", "255.255.255.255:65535"]),
        Fixture(line: "PROXY TCP6 2001:DB8::1 :: 1 2\r\n", ends: ["[2001:db8::1]:1", "[::]:2"]),
        Fixture(line: "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ends: ["192.0.2.1:1", "[::1]:2"]),
        Fixture(
            line: "PROXY TCP6 \(repeated("ffff:", 7))ffff \(repeated("ffff:", 7))ffff 65535 65535\r\n",
            ends: ["[\(repeated("ffff:", 7))ffff]:65535", "[\(repeated("ffff:", 7))ffff]:65535"]),
        Fixture(line: "PROXY UNKNOWN\r\n"),
        Fixture(line: "PROXY UNKNOWN \r\n"),
        Fixture(line: "PROXY UNKNOWN  whatever\u{1} it says\r\n"),
        Fixture(line: "PROXY UNKNOWN \(repeated("ffff:", 7))ffff \(repeated("ffff:", 7))ffff 65535 65535\r\n"),
    ]

    @Test("A line is read at its last byte, and no byte behind it", arguments: fixtures)
    func read(_ fixture: Fixture) throws {
        let (outcome, count) = firstOutcome(bytes(fixture.line + "EHLO x\r\n"))
        guard case .header(let header, let length) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(count == fixture.line.utf8.count && length == count)
        #expect(header.version == .v1 && header.tlvs.isEmpty)
        #expect(ProxyHeader.next(in: bytes(fixture.line + "EHLO x\r\n").span) == outcome)
        guard case .proxied(let source, let destination) = header.origin else {
            #expect(header.origin == .local && fixture.ends == nil)
            return
        }
        #expect([source.description, destination.description] == fixture.ends)
    }

    @Test("A line of 107 bytes is taken, one of 108 is not")
    func limit() {
        let text = "PROXY UNKNOWN "
        let longest = text + repeated("x", 107 - text.utf8.count - 2) + "\r\n"
        #expect(longest.utf8.count == ProxyHeader.lineLimitBytes)
        #expect(firstOutcome(bytes(longest)).bytes == 107)
        #expect(ProxyHeader.next(in: bytes(longest).span) == .header(.init(version: .v1, origin: .local), length: 107))
        let (outcome, count) = firstOutcome(bytes(text + repeated("x", 200) + "\r\n"))
        #expect(outcome == .malformed(.lineTooLong) && count == 107)
        let tooLong = text + repeated("x", 108 - text.utf8.count - 2) + "\r\n"
        #expect(firstOutcome(bytes(tooLong)).outcome == .malformed(.lineTooLong))
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var line: String
        var error: ProxyHeaderError
        /// How many bytes it takes to know.
        var bytes: Int
        var testDescription: String { visible(line) }
    }

    static let refused: [Refused] = [
        Refused(line: "EHLO x\r\n", error: .notAHeader, bytes: 1),
        Refused(line: "\r\nEHLO x", error: .notAHeader, bytes: 3),
        Refused(line: "proxy TCP4", error: .notAHeader, bytes: 1),
        Refused(line: "PROXX TCP4", error: .notAHeader, bytes: 5),
        Refused(line: "PROXY\r\n", error: .notAHeader, bytes: 6),
        Refused(line: "PROXY  TCP4 ", error: .unknownProtocol, bytes: 7),
        Refused(line: "PROXY \r\n", error: .unknownProtocol, bytes: 7),
        Refused(line: "PROXY TCP5 ", error: .unknownProtocol, bytes: 10),
        Refused(line: "PROXY TCP\r\n", error: .unknownProtocol, bytes: 10),
        Refused(line: "PROXY tcp4 ", error: .unknownProtocol, bytes: 7),
        Refused(line: "PROXY TCP44 ", error: .unknownProtocol, bytes: 11),
        Refused(line: "PROXY UNKNOWNX\r\n", error: .unknownProtocol, bytes: 14),
        Refused(line: "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", error: .unknownProtocol, bytes: 8),
        Refused(line: "PROXY TCP4\r\n", error: .fieldCount, bytes: 11),
        Refused(line: "PROXY TCP4 \r\n", error: .notAnAddress, bytes: 12),
        Refused(line: "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", error: .notAnAddress, bytes: 12),
        Refused(line: "PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n", error: .notAnAddress, bytes: 19),
        Refused(line: "PROXY TCP4 ::1 ::1 1 2\r\n", error: .notAnAddress, bytes: 12),
        Refused(line: "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", error: .notAnAddress, bytes: 19),
        Refused(line: "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", error: .notAnAddress, bytes: 20),
        Refused(line: "PROXY TCP4 1.2.3.4 256.2.3.4 1 2\r\n", error: .notAnAddress, bytes: 29),
        Refused(line: "PROXY TCP4 \(repeated("1", 50))", error: .notAnAddress, bytes: 27),
        Refused(line: "PROXY TCP6 \(repeated("1", 50))", error: .notAnAddress, bytes: 57),
        Refused(line: "PROXY TCP6 ::1%lo ::1 1 2\r\n", error: .notAnAddress, bytes: 15),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", error: .fieldCount, bytes: 29),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", error: .notAPort, bytes: 30),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", error: .notAPort, bytes: 33),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 123456 2\r\n", error: .notAPort, bytes: 33),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", error: .notAPort, bytes: 28),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 +2\r\n", error: .notAPort, bytes: 30),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n", error: .notAPort, bytes: 32),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1  2\r\n", error: .notAPort, bytes: 30),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", error: .fieldCount, bytes: 31),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", error: .fieldCount, bytes: 31),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", error: .forbidden(.bareLineFeed), bytes: 31),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX", error: .forbidden(.bareCarriageReturn), bytes: 32),
        Refused(line: "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", error: .forbidden(.bareCarriageReturn), bytes: 32),
        Refused(line: "PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n", error: .forbidden(.nul), bytes: 19),
        Refused(line: "PROXY UNKNOWN x\n", error: .forbidden(.bareLineFeed), bytes: 16),
        Refused(line: "PROXY UNKNOWN x\ry\r\n", error: .forbidden(.bareCarriageReturn), bytes: 17),
    ]

    @Test("What is wrong shows early, and is the same at every length", arguments: refused)
    func refuse(_ refused: Refused) {
        let stream = bytes(refused.line)
        let (outcome, count) = firstOutcome(stream)
        #expect(outcome == .malformed(refused.error))
        #expect(count == refused.bytes)
        for longer in count...max(count, stream.count) {
            #expect(ProxyHeader.next(in: stream.span.extracting(first: longer)) == outcome)
        }
    }

    @Test("A line is written")
    func write() throws {
        let ipv4 = try ProxyHeader.Endpoint("192.0.2.1", 56324)
        let ipv6 = try ProxyHeader.Endpoint("2001:db8::1", 25)
        func line(_ origin: ProxyHeader.Origin) -> String {
            String(decoding: ProxyHeader(origin: origin).encodedV1(), as: UTF8.self)
        }
        #expect(line(.proxied(source: ipv4, destination: ipv4)) == "PROXY TCP4 192.0.2.1 192.0.2.1 56324 56324\r\n")
        #expect(line(.proxied(source: ipv6, destination: ipv6)) == "PROXY TCP6 2001:db8::1 2001:db8::1 25 25\r\n")
        #expect(
            line(.proxied(source: ipv4, destination: ipv6)) == "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 56324 25\r\n")
        #expect(
            line(.proxied(source: ipv6, destination: ipv4)) == "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 25 56324\r\n")
        #expect(line(.local) == "PROXY UNKNOWN\r\n")
        #expect(line(.unix(source: [], destination: bytes("/run/x"))) == "PROXY UNKNOWN\r\n")
    }

    @Test("The longest addresses fit into a line")
    func writeLongest() throws {
        let end = try ProxyHeader.Endpoint("\(repeated("ffff:", 7))ffff", 65535)
        #expect(ProxyHeader(origin: .proxied(source: end, destination: end)).encodedV1().count == 104)
    }
}
