import Testing

@testable import Wire

@Suite struct HostFieldTests {
    private func isTrusted(_ field: String, names: [String] = ["mx.example.com"]) -> Bool {
        HostField.isTrusted(Array(field.utf8).span, names: names)
    }

    @Test(arguments: [
        "", "127.0.0.1", "127.0.0.1:9125", "[::1]", "[::1]:9125", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST:1",
        "localhost:", "mx.example.com:9125", "192.0.2.1", "MX.example.com",
    ])
    func addressesAndOwnNamesAreTrusted(_ field: String) {
        #expect(isTrusted(field))
    }

    @Test(arguments: [
        "evil.example", "evil.example:9125", "mx.example.com.evil.example", "127.0.0.1.evil.example", "[::1]x", "[::1",
        "localhost:x", "127.0.0.1:80@evil.example", ":9125", "[evil.example]", "::1", "localhost.", "mx.example.com@x",
        "[127.0.0.1]", "[]", "[", "]", ":", "[::1]:1:1", "mx.example.com\0", "mx\u{2e}example.co\u{212a}",
        " localhost", "localhost ",
    ])
    func namesOfOthersAreNot(_ field: String) {
        #expect(!isTrusted(field))
    }

    /// Whatever comes, nothing with such a character is trusted that is neither in an address nor in an own name.
    @Test func nonsenseIsNoName() {
        let pieces = [
            "[", "]", ":", ".", "1", "ff", "x", "127.0.0.1", "::1", "localhost", "@", "%", "\u{e9}", "\0", "-",
        ]
        var fields = [""]
        for _ in 0..<4 {
            fields = fields.flatMap { field in pieces.map { field + $0 } }
            for field in fields where field.contains(where: { "x@%-\u{e9}\0".contains($0) }) {
                guard isTrusted(field, names: ["a.b"]) else { continue }
                Issue.record("\(field) is trusted")
            }
        }
    }
}
