import Testing

@testable import Settings

@Suite("Durations, addresses, spellings")
struct ValueTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500), "500ms"), ("1000ms", .seconds(1), "1s"), ("30s", .seconds(30), "30s"),
        ("300s", .seconds(300), "5m"), ("5m", .seconds(300), "5m"), ("1h", .seconds(3_600), "1h"),
        ("36h", .seconds(129_600), "36h"), ("1d", .seconds(86_400), "1d"), ("0s", .zero, "0s"),
        ("007s", .seconds(7), "7s"),
    ])
    func duration(_ text: String, _ duration: Duration, _ printed: String) {
        #expect(DurationText.parse(text) == duration)
        #expect(DurationText.format(duration) == printed)
    }

    @Test(arguments: [
        "", "s", "30", "30 s", "-1s", "+1s", "1e3s", "1S", "1w", "٣s", "1s ", "9999999999999s", "999999999999d",
    ])
    func isNoDuration(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        ("192.0.2.1:25", [192, 0, 2, 1], 25), ("[::]:0", [UInt8](repeating: 0, count: 16), 0),
        ("[2001:db8::1]:65535", [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 65_535),
    ])
    func endpoint(_ text: String, _ address: [UInt8], _ port: UInt16) throws {
        guard case .value(let endpoint) = Endpoint.parse(text, defaultPort: nil, ports: 0...65_535) else {
            Issue.record("refused")
            return
        }
        #expect(endpoint.address == address)
        #expect(endpoint.port == port)
        #expect(endpoint.isIPv6 == (address.count == 16))
        #expect(endpoint.description == text)
    }

    @Test(arguments: ["192.0.2.1", "[::1]"])
    func endpointWithoutAPort(_ text: String) throws {
        guard case .value(let endpoint) = Endpoint.parse(text, defaultPort: 25, ports: 1...65_535) else {
            Issue.record("refused")
            return
        }
        #expect(endpoint.description == "\(text):25")
    }

    @Test(arguments: [
        "192.0.2.01:25", "192.0.2:25", "192.0.2.1:", "192.0.2.1:025000", " 192.0.2.1:25", "192.0.2.1:25 ",
        "[192.0.2.1]:25",
        "[]:25", "[::1]25", "[::1]:", "]:25", "[", "0x7f.1:25", "192.0.2.1\0:25", "[::1%lo]:25", "*:25",
    ])
    func isNoEndpoint(_ text: String) {
        guard case .refused = Endpoint.parse(text, defaultPort: 25, ports: 0...65_535) else {
            Issue.record("read")
            return
        }
    }

    @Test(arguments: [
        ([127, 0, 0, 1], true), ([127, 9, 9, 9], true), ([10, 0, 0, 1], false), ([0, 0, 0, 0], false),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], true), ([UInt8](repeating: 0, count: 16), false),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1], true),
    ])
    func loopback(_ address: [UInt8], _ expected: Bool) {
        #expect(Endpoint(address: address, port: 25)?.isLoopback == expected)
    }

    @Test func anEndpointHasFourOrSixteenBytes() {
        #expect(Endpoint(address: [], port: 25) == nil)
        #expect(Endpoint(address: [1, 2, 3, 4, 5], port: 25) == nil)
    }

    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("starttls", "strattls", 1), ("offer", "ofer", 1), ("kitten", "sitting", 3),
        ("ab", "ba", 1),
    ])
    func editDistance(_ one: String, _ other: String, _ edits: Int) {
        #expect(Spelling.distance(Array(one.utf8), Array(other.utf8)) == edits)
        #expect(Spelling.distance(Array(other.utf8), Array(one.utf8)) == edits)
    }

    @Test func theNearestSpelling() {
        let words = ["listen", "listener", "listener_defaults", "tls"]
        #expect(Spelling.nearest(to: "listner", among: words) == "listener")
        #expect(Spelling.nearest(to: "LISTEN", among: words) == "listen")
        #expect(Spelling.nearest(to: "tsl", among: words) == "tls")
        #expect(Spelling.nearest(to: "upstream", among: words) == nil)
        #expect(Spelling.nearest(to: String(repeating: "x", count: 1_000_000), among: words) == nil)
    }
}
