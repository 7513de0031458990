import Testing

@testable import Settings

@Suite("Rates, sizes, digests, TLVs")
struct WrittenValueTests {
    /// The value as it is printed, or the words that refuse it.
    private func outcome<Value: CustomStringConvertible>(_ parsed: Parsed<Value>) -> String {
        switch parsed {
        case .value(let value): "\(value)"
        case .refused(let reason): reason
        }
    }

    @Test(arguments: [
        ("0/1m", "0/1m"), ("20/60s", "20/1m"), ("1000000/1d", "1000000/1d"),
        ("1000001/1m", "\"1000001/1m\" is out of range; expected 0 to 1000000 in a span of 1s to 1d"),
        ("1/500ms", "\"1/500ms\" is out of range; expected 0 to 1000000 in a span of 1s to 1d"),
        ("1/2d", "\"1/2d\" is out of range; expected 0 to 1000000 in a span of 1s to 1d"),
        ("20", "\"20\" is not a rate; expected a number and a span of time, as in \"20/1m\""),
        ("20/m", "\"20/m\" is not a rate; expected a number and a span of time, as in \"20/1m\""),
        ("-1/1m", "\"-1/1m\" is not a rate; expected a number and a span of time, as in \"20/1m\""),
        ("1/1m/1m", "\"1/1m/1m\" is not a rate; expected a number and a span of time, as in \"20/1m\""),
    ])
    func rate(_ text: String, _ expected: String) {
        #expect(outcome(Settings.Rate.parse(text)) == expected)
    }

    @Test(arguments: [
        ("0", 0, "0"), ("512", 512, "512"), ("4KiB", 4_096, "4KiB"), ("4096", 4_096, "4KiB"),
        ("25MiB", 26_214_400, "25MiB"), ("1024MiB", 1 << 30, "1GiB"), ("1025", 1_025, "1025"),
    ])
    func size(_ text: String, _ bytes: Int, _ printed: String) {
        #expect(SizeText.parse(text) == bytes)
        #expect(SizeText.format(bytes) == printed)
    }

    @Test(arguments: ["", "KiB", "4 KiB", "4kB", "-1", "4kib", "4KiBs", "9999999999999", "1.5KiB"])
    func isNoSize(_ text: String) {
        #expect(SizeText.parse(text) == nil)
    }

    @Test func digestsInEveryForm() {
        let bytes = (0..<32).map { UInt8($0 * 8) }
        let pairs = bytes.map { Hexadecimal.format([$0]) }
        let forms = [
            pairs.joined(), pairs.joined().lowercased(), pairs.joined(separator: ":"),
            "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg=",
        ]
        for form in forms { #expect(outcome(Settings.Pin.parse(form)) == pairs.joined()) }
    }

    @Test(arguments: [
        "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 66),
        "00:0", String(repeating: "0:0", count: 21) + "00",
        String(repeating: "g", count: 64), "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg",
        "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Ph=", "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8A==",
        "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8P-=", "====",
    ])
    func isNoDigest(_ text: String) {
        #expect(
            outcome(Settings.Pin.parse(text))
                == "\"\(text)\" is not a SHA-256 digest; expected 64 hexadecimal digits, or base64")
    }

    @Test func aDigestAsCurlWritesIt() {
        let parsed = Settings.Pin.parse("sha256//AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg=")
        #expect(
            outcome(parsed).hasSuffix(
                " is not a SHA-256 digest; expected 64 hexadecimal digits, or base64 without \"sha256//\""))
    }

    @Test(arguments: [
        ("authority", "authority"), ("ssl", "ssl"), ("unique-id", "unique-id"), ("crc32c", "crc32c"),
        ("pass", "pass"), ("pass:0xe0", "pass:0xE0"), ("pass:0x20", "pass:0x20"), ("0xE1=text", "0xE1=text"),
        ("0xE1=", "0xE1="), ("0xE1=a=b", "0xE1=a=b"), ("0xe1=hex:00fF", "0xE1=hex:00FF"),
        ("0xE1=hex:6162", "0xE1=ab"), ("0xE1=hex:6865783A", "0xE1=hex:6865783A"), ("0xF7=ü", "0xF7=ü"),
        ("0x02=mx.example.com", "0x02=mx.example.com"),
        ("autority", "\"autority\" is not \(Settings.ProxyTLV.expected); did you mean \"authority\"?"),
        ("0xE1", "\"0xE1\" is not \(Settings.ProxyTLV.expected)"),
        ("pass:E0", "\"pass:E0\": the type is not a number from 0x00 to 0xFF, as in \"pass:0xE0\""),
        ("pass:0xE", "\"pass:0xE\": the type is not a number from 0x00 to 0xFF, as in \"pass:0xE0\""),
        ("pass:0x03", "\"pass:0x03\": this type means nothing outside its own header"),
        ("E1=x", "\"E1=x\": the type is not a number from 0x00 to 0xFF, as in \"0xE1=text\""),
        ("0x20=x", "\"0x20=x\": only the types 0xE0 to 0xF7, 0x01, 0x02 and 0x30 can be added"),
        ("0xF8=x", "\"0xF8=x\": only the types 0xE0 to 0xF7, 0x01, 0x02 and 0x30 can be added"),
        (
            "0xE1=hex:0",
            "\"0xE1=hex:0\": the value is neither text nor pairs of hexadecimal digits, as in \"hex:00FF\""
        ),
        (
            "0xE1=\n",
            "\"0xE1=\\n\": the value is neither text nor pairs of hexadecimal digits, as in \"hex:00FF\""
        ),
    ])
    func tlv(_ text: String, _ expected: String) {
        #expect(outcome(Settings.ProxyTLV.parse(text)) == expected)
    }

    @Test func aTLVHasALimit() {
        let longest = "0xE1=" + String(repeating: "x", count: Settings.ProxyTLV.valueBytesMax)
        #expect(outcome(Settings.ProxyTLV.parse(longest)) == longest)
        #expect(outcome(Settings.ProxyTLV.parse("\(longest)x")).hasSuffix("...\": the value is longer than 1024 bytes"))
    }
}
