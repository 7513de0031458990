import Testing

@testable import mailrace_bench

@Suite struct MessageMarkTests {
    private static let mark = MessageMark(run: 0x0123_4567_89ab_cdef, number: 5, length: 4_096, digest: .max)
    private static let field =
        "Mailrace-Bench: 0123456789abcdef 0000000000000005 0000000000001000 ffffffffffffffff\r\n"

    @Test func isWrittenAndReadAlike() {
        #expect(Self.mark.field == bytes(Self.field))
        #expect(MessageMark(header: bytes(Self.field)) == Self.mark)
        #expect(MessageMark(header: bytes("A: b\r\n\(Self.field)C: d\r\n\r\n")) == Self.mark)
    }

    @Test func isReadOnlyAsAWhole() {
        let whole = bytes(Self.field)
        for length in 0..<whole.count - 1 { #expect(MessageMark(header: Array(whole[..<length])) == nil) }
        for index in 0..<whole.count - 1 {
            var changed = whole
            changed[index] = UInt8(ascii: "?")
            #expect(MessageMark(header: changed) == nil)
        }
    }
}
