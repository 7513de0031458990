import Testing

@testable import Wire

@Suite struct IPAddressTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        var text: String
        /// How it is written; as it was if nil.
        var written: String?
        var octets: [UInt8]
        var testDescription: String { text }
    }

    static let fixtures: [Fixture] = [
        Fixture(text: "0.0.0.0", octets: [0, 0, 0, 0]),
        Fixture(text: "192.0.2.1", octets: [192, 0, 2, 1]),
        Fixture(text: "255.255.255.255", octets: [255, 255, 255, 255]),
        Fixture(text: "::", octets: zeros(16)),
        Fixture(text: "::1", octets: zeros(15) + [1]),
        Fixture(text: "1::", octets: [0, 1] + zeros(14)),
        Fixture(text: "2001:DB8::1", written: "2001:db8::1", octets: [0x20, 0x01, 0x0D, 0xB8] + zeros(11) + [1]),
        Fixture(
            text: "1:2:3:4:5:6:7:8", octets: [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
        Fixture(
            text: "1:2:3:4:5:6:7::", written: "1:2:3:4:5:6:7:0",
            octets: [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]),
        Fixture(
            text: "::2:3:4:5:6:7:8", written: "0:2:3:4:5:6:7:8",
            octets: [0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
        Fixture(text: "0001:0000::00ab", written: "1::ab", octets: [0, 1] + zeros(13) + [0xAB]),
        // The longest run of zeros is cut, and the first of two.
        Fixture(text: "1:0:0:2:0:0:0:3", written: "1:0:0:2::3", octets: [0, 1, 0, 0, 0, 0, 0, 2] + zeros(7) + [3]),
        Fixture(
            text: "1:0:0:2:3:0:0:4", written: "1::2:3:0:0:4", octets: [0, 1] + zeros(5) + [2, 0, 3] + zeros(5) + [4]),
        // IPv4 within IPv6.
        Fixture(text: "::ffff:192.0.2.1", written: "192.0.2.1", octets: [192, 0, 2, 1]),
        Fixture(text: "::FFFF:c000:201", written: "192.0.2.1", octets: [192, 0, 2, 1]),
        Fixture(text: "0:0:0:0:0:ffff:0.0.0.0", written: "0.0.0.0", octets: [0, 0, 0, 0]),
        Fixture(
            text: "0000:0000:0000:0000:0000:ffff:255.255.255.255", written: "255.255.255.255",
            octets: [255, 255, 255, 255]),
        Fixture(text: "::192.0.2.1", written: "::c000:201", octets: zeros(12) + [192, 0, 2, 1]),
        Fixture(
            text: "64:ff9b::192.0.2.1", written: "64:ff9b::c000:201",
            octets: [0, 0x64, 0xFF, 0x9B] + zeros(8) + [192, 0, 2, 1]),
    ]

    @Test("An address is read and written", arguments: fixtures)
    func read(_ fixture: Fixture) throws {
        let address = try #require(IPAddress(fixture.text))
        #expect(address.octets == fixture.octets)
        #expect(address.isIPv4 == (fixture.octets.count == 4))
        #expect(address.description == fixture.written ?? fixture.text)
        #expect(IPAddress(octets: fixture.octets) == address)
        #expect(IPAddress(octets: address.octetsIPv6) == address)
        #expect(IPAddress(address.descriptionIPv6) == address)
    }

    @Test(
        "What is no address is refused",
        arguments: [
            "", ".", ":", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..3.4", "256.0.0.1", "01.2.3.4",
            "1.2.3.00",
            "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "-1.2.3.4", "0x1.2.3.4", "1.2.3.a", "1234.1.1.1", "1.2.3.4\0",
            "1.2.3.4/8",
            ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
            ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:", ":1", "12345::", "g::", "::1%eth0", "[::1]", "::1 ", "-1::",
            "::1/128",
            "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::1.2.3", "::1.2.3.04", "::1.2.3.4:5", "1.2.3.4::",
            "::256.1.1.1",
            Text("0000:0000:0000:0000:0000:ffff:255.255.255.2555"), "::é", "١.2.3.4",
        ])
    func refused(_ text: Text) {
        #expect(IPAddress(text.string) == nil)
    }

    @Test("Only 4 or 16 octets are an address", arguments: [0, 1, 3, 5, 15, 17, 32])
    func octets(_ count: Int) {
        #expect(IPAddress(octets: zeros(count)) == nil)
    }
}

@Suite struct IPNetworkTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        var text: String
        var written: String?
        var inside: [String]
        var outside: [String]
        var testDescription: String { text }
    }

    static let fixtures: [Fixture] = [
        Fixture(
            text: "192.0.2.0/24", inside: ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7"],
            outside: ["192.0.1.255", "192.0.3.0", "::192.0.2.1", "2001:db8::1"]),
        Fixture(text: "192.0.2.128/25", inside: ["192.0.2.128", "192.0.2.255"], outside: ["192.0.2.127"]),
        Fixture(text: "192.0.2.1", inside: ["192.0.2.1"], outside: ["192.0.2.0", "192.0.2.2"]),
        Fixture(text: "192.0.2.1/32", written: "192.0.2.1", inside: ["192.0.2.1"], outside: ["192.0.2.0"]),
        Fixture(text: "0.0.0.0/0", inside: ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], outside: ["::", "::1"]),
        Fixture(text: "128.0.0.0/1", inside: ["128.0.0.0", "255.0.0.1"], outside: ["127.255.255.255"]),
        Fixture(
            text: "2001:db8::/32", inside: ["2001:db8::", "2001:db8:ffff::1"], outside: ["2001:db9::", "192.0.2.1"]),
        Fixture(
            text: "2001:db8:0:1::/64", inside: ["2001:db8:0:1::", "2001:db8:0:1:ffff::"], outside: ["2001:db8:0:2::"]),
        Fixture(text: "::1", inside: ["::1"], outside: ["::", "::2", "0.0.0.1"]),
        Fixture(text: "::/0", inside: ["::", "ffff::1", "::1.2.3.4"], outside: ["0.0.0.0", "::ffff:1.2.3.4"]),
        Fixture(text: "::ffff:192.0.2.0/120", written: "192.0.2.0/24", inside: ["192.0.2.9"], outside: ["192.0.3.0"]),
        Fixture(text: "::ffff:0:0/96", written: "0.0.0.0/0", inside: ["1.2.3.4"], outside: ["::1"]),
        Fixture(text: "::ffff:192.0.2.1", written: "192.0.2.1", inside: ["192.0.2.1"], outside: ["192.0.2.2"]),
    ]

    @Test("A network holds its addresses and no other", arguments: fixtures)
    func contains(_ fixture: Fixture) throws {
        let network = try IPNetwork(fixture.text)
        #expect(network.description == fixture.written ?? fixture.text)
        #expect(try IPNetwork(network.description) == network)
        #expect(IPNetwork(octets: network.address.octets, prefixLength: network.prefixLength) == network)
        for text in fixture.inside {
            let address = try #require(IPAddress(text))
            #expect(network.contains(address), "\(text)")
            #expect(network.contains(address.octets) && network.contains(address.octetsIPv6), "\(text)")
        }
        for text in fixture.outside {
            let address = try #require(IPAddress(text))
            #expect(!network.contains(address), "\(text)")
            #expect(!network.contains(address.octets), "\(text)")
        }
        #expect(!network.contains([]))
    }

    @Test("What is no network is refused with its reason")
    func refused() throws {
        let refusals: [(String, String)] = [
            ("", "not an IP address"), ("/8", "not an IP address"), ("mail.example/8", "not an IP address"),
            ("[::1]/128", "not an IP address"),
            ("192.0.2.0/", "the prefix length is not a number from 0 to 32"),
            ("192.0.2.0/33", "the prefix length is not a number from 0 to 32"),
            ("192.0.2.0/08", "the prefix length is not a number from 0 to 32"),
            ("192.0.2.0/-1", "the prefix length is not a number from 0 to 32"),
            ("192.0.2.0/24/24", "the prefix length is not a number from 0 to 32"),
            ("192.0.2.0/255.255.255.0", "the prefix length is not a number from 0 to 32"),
            ("2001:db8::/129", "the prefix length is not a number from 0 to 128"),
            ("192.0.2.1/24", "bits behind the prefix are set; the network is 192.0.2.0/24"),
            ("192.0.2.1/0", "bits behind the prefix are set; the network is 0.0.0.0/0"),
            ("2001:db8::1/32", "bits behind the prefix are set; the network is 2001:db8::/32"),
            ("::ffff:192.0.2.1/120", "bits behind the prefix are set; the network is 192.0.2.0/24"),
            ("::ffff:0:0/95", "the prefix of an IPv4-mapped address has 96 bits or more"),
        ]
        for (text, reason) in refusals {
            let error = #expect(throws: IPNetworkError.self, "\(text)") { try IPNetwork(text) }
            #expect(error?.description == reason, "\(text)")
        }
    }

    @Test("Numbers out of range are no network")
    func octets() {
        #expect(IPNetwork(octets: [192, 0, 2, 0], prefixLength: 33) == nil)
        #expect(IPNetwork(octets: [192, 0, 2, 0], prefixLength: -1) == nil)
        #expect(IPNetwork(octets: [192, 0, 2, 1], prefixLength: 24) == nil)
        #expect(IPNetwork(octets: [192, 0, 2], prefixLength: 24) == nil)
        let mapped = zeros(10) + [0xFF, 0xFF, 192, 0, 2, 0]
        #expect(IPNetwork(octets: mapped, prefixLength: 120)?.description == "192.0.2.0/24")
        #expect(IPNetwork(octets: mapped, prefixLength: 80) == nil)
        #expect(IPNetwork(octets: zeros(16), prefixLength: 128)?.description == "::")
    }
}

extension IPAddress {
    /// 16 octets in network order, those of the IPv4-mapped address for IPv4.
    var octetsIPv6: [UInt8] {
        var octets: [UInt8] = []
        appendOctets(to: &octets, asIPv4: false)
        return octets
    }
}
