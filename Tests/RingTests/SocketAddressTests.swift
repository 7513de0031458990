import CLinux
import Testing

@testable import Ring

@Suite struct SocketAddressTests {
    @Test(arguments: [
        (SocketAddress(octets: [192, 0, 2, 1], port: 25), "192.0.2.1:25", "192.0.2.1"),
        (
            SocketAddress(octets: [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], port: 25, scope: 3),
            "[2001:db8::1]:25", "2001:db8::1"
        ),
        (
            SocketAddress(octets: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 192, 0, 2, 1], port: 25),
            "192.0.2.1:25", "192.0.2.1"
        ),
    ])
    func internetAddressesKeepWhatTheyAreMadeOf(address: SocketAddress, description: String, host: String) {
        #expect(address.description == description)
        #expect(address.host == host)
        #expect(!address.isUnix)
        #expect(SocketAddress(address.raw) == address)
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0], 0, "0.0.0.0:0"), ([255, 255, 255, 255], 65_535, "255.255.255.255:65535"),
            ([10, 100, 9, 99], 110, "10.100.9.99:110"),
        ] as [([UInt8], UInt16, String)])
    func everyDigitOfAnIPv4AddressIsShown(octets: [UInt8], port: UInt16, text: String) {
        let address = SocketAddress(octets: octets, port: port)
        #expect(address.description == text)
        #expect(address.octets == octets && address.port == port)
        #expect(
            SocketAddress(octets: [UInt8](repeating: 0, count: 10) + [255, 255] + octets, port: port).description
                == text)
    }

    @Test func addressesAreNumbers() throws {
        let ipv4 = SocketAddress(octets: [192, 0, 2, 1], port: 25)
        let mapped = SocketAddress(octets: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 192, 0, 2, 1], port: 25)
        let ipv6 = SocketAddress(octets: [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], port: 25)
        #expect(ipv4.bits == 0xc000_0201 && ipv4.ipv4Bits == 0xc000_0201)
        #expect(mapped.bits == 0xffff_c000_0201 && mapped.ipv4Bits == 0xc000_0201)
        #expect(mapped.octets.count == 16 && mapped != ipv4)
        #expect(ipv6.bits == 0x2001_0db8_0000_0000_0000_0000_0000_0001 && ipv6.ipv4Bits == nil)
        let unix = try #require(SocketAddress(unix: "/x"))
        #expect(unix.bits == 0 && unix.ipv4Bits == nil)
    }

    @Test(arguments: ["/run/mailrace/x.sock", "relative", "@abstract", "@", "/", "/run/@x", "/a b"])
    func unixNamesKeepWhatTheyAreMadeOf(text: String) throws {
        guard text != "@" else {
            #expect(SocketAddress(unix: text) == nil)
            return
        }
        let address = try #require(SocketAddress(unix: text))
        #expect(address.isUnix)
        #expect(address.description == "unix:" + text)
        #expect(address.host == "unix:" + text)
        #expect(address.octets.isEmpty && address.port == 0 && address.scope == 0)
        #expect(SocketAddress(address.raw) == address)
    }

    @Test func aPathAndAnAbstractNameDiffer() {
        #expect(SocketAddress(unix: "@x") != SocketAddress(unix: "x"))
    }

    @Test(arguments: ["", "@", "a\0b", "@a\0b"])
    func namesThatTheKernelCannotTakeAreNone(text: String) {
        #expect(SocketAddress(unix: text) == nil)
    }

    @Test(arguments: ["", "@"])
    func namesHaveALimit(prefix: String) throws {
        let longest = prefix + String(repeating: "x", count: SocketAddress.unixNameLimitBytes)
        let address = try #require(SocketAddress(unix: longest))
        #expect(SocketAddress(address.raw)?.description == "unix:" + longest)
        #expect(SocketAddress(unix: longest + "x") == nil)
    }

    @Test func aNameCannotForgeALogLine() throws {
        let address = try #require(SocketAddress(unix: "@a\r\nb\u{1b}[2J\\é"))
        #expect(address.description == #"unix:@a\x0d\x0ab\x1b[2J\x5c\xc3\xa9"#)
    }

    @Test func aPeerWithoutANameIsShown() async throws {
        try await withShard { shard in
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            #expect(stream.peerAddress?.description == "unix:")
            #expect(stream.localAddress?.isUnix == true)
            await stream.close()
            pair.hangUp()
        }
    }
}
