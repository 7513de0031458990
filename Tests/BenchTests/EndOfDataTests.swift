import Testing

@testable import mailrace_bench

@Suite struct EndOfDataTests {
    struct Fixture: Sendable, CustomTestStringConvertible {
        let wire: String
        /// Nil: the end does not come.
        let message: String?
        var rest = 0
        var testDescription: String { wire.debugDescription }
    }

    static let fixtures = [
        Fixture(wire: ".\r\n", message: ""),
        Fixture(wire: "a\r\n.\r\n", message: "a\r\n"),
        Fixture(wire: "a\r\n.\r\nQUIT\r\n", message: "a\r\n", rest: 6),
        Fixture(wire: "..\r\n.\r\n", message: ".\r\n"),
        Fixture(wire: "...\r\n.\r\n", message: "..\r\n"),
        Fixture(wire: ".a\r\n.\r\n", message: "a\r\n"),
        Fixture(wire: "a.\r\n.b.\r\n.\r\n", message: "a.\r\nb.\r\n"),
        Fixture(wire: "a\r\n\r\n.\r\n", message: "a\r\n\r\n"),
        Fixture(wire: "a\n.\n\r\n.\r\n", message: "a\n.\n\r\n"),
        Fixture(wire: "a\n.\r\nb\r\n.\r\n", message: "a\n.\r\nb\r\n"),
        Fixture(wire: "a\r.\r\nb\r\n.\r\n", message: "a\r.\r\nb\r\n"),
        Fixture(wire: "a\r\n.\rb\r\n.\r\n", message: "a\r\n\rb\r\n"),
        Fixture(wire: "a\r\n.\n\r\n.\r\n", message: "a\r\n\n\r\n"),
        Fixture(wire: "\r\r\n.\r\n", message: "\r\r\n"),
        Fixture(wire: "a\r\n.", message: nil),
        Fixture(wire: "a\r\n.\r", message: nil),
        Fixture(wire: "a.\r\n", message: nil),
        Fixture(wire: "", message: nil),
    ]

    @Test(arguments: fixtures) func findsTheEndAtEverySplit(_ fixture: Fixture) {
        let wire = bytes(fixture.wire)
        for first in 0...wire.count {
            for second in first...wire.count {
                let found = received(wire, cutAt: [first, second])
                #expect(found?.message == fixture.message.map(bytes), "cut at \(first) and \(second)")
            }
        }
    }

    @Test(arguments: fixtures) func findsTheEndByteByByte(_ fixture: Fixture) {
        let wire = bytes(fixture.wire)
        #expect(received(wire, cutAt: Array(0..<wire.count))?.message == fixture.message.map(bytes))
    }

    @Test(arguments: fixtures) func leavesWhatFollowsTheEnd(_ fixture: Fixture) {
        if let found = received(bytes(fixture.wire), cutAt: []) { #expect(found.rest == fixture.rest) }
    }
}
