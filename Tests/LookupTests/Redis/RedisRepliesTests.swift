import Lookup
import Testing

/// What Redis says, taken apart.
@Suite struct RedisRepliesTests {
    private static func replies(_ pieces: [[UInt8]]) -> [RedisReplies.Next] {
        let reader = RedisReplies()
        var all: [RedisReplies.Next] = []
        for piece in pieces {
            let isTaken = reader.take(piece.span)
            #expect(isTaken)
            while true {
                let next = reader.next()
                if next == .incomplete { break }
                all.append(next)
                if next == .broken { return all }
            }
        }
        return all
    }

    private static func text(_ text: String) -> RedisReplies.Next { .reply(.text(Array(text.utf8))) }

    @Test func repliesAreReadHoweverTheyCome() {
        let bytes = Array("+OK\r\n$4\r\nhe\r\n\r\n$-1\r\n:12\r\n-ERR no\r\n$0\r\n\r\n".utf8)
        let expected: [RedisReplies.Next] = [
            .reply(.status(Array("OK".utf8))), Self.text("he\r\n"), .reply(.none), .reply(.integer),
            .reply(.error("ERR no")), Self.text(""),
        ]
        #expect(Self.replies([bytes]) == expected)
        #expect(Self.replies(bytes.map { [$0] }) == expected)
        for place in bytes.indices {
            #expect(Self.replies([Array(bytes[..<place]), Array(bytes[place...])]) == expected)
        }
    }

    @Test(arguments: [
        "220 mx.example.com ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "*1\r\n$1\r\na\r\n", "*4294967295\r\n",
        "*2147483647\r\n", "$-2\r\n", "$99999999999999999999\r\n", "$a\r\n", ":x\r\n", "\r\n", "\0",
    ])
    func whatIsNoReplyIsRefused(text: String) {
        let bytes = Array(text.utf8)
        #expect(Self.replies([bytes]) == [.broken])
        #expect(Self.replies(bytes.map { [$0] }) == [.broken])
    }

    @Test func aReplyThatIsTooLongIsRefused() {
        let limit = RedisReplies.textLimitBytes
        let longest = [UInt8](repeating: 0x61, count: limit)
        #expect(Self.replies([Array("$\(limit)\r\n".utf8), longest, [0x0D, 0x0A]]) == [.reply(.text(longest))])
        #expect(Self.replies([Array("$\(limit + 1)\r\n".utf8), longest, Array("a\r\n".utf8)]) == [.broken])
        // One that would only ever grow is not waited for.
        #expect(Self.replies([Array("$500000000\r\n".utf8), longest, longest]) == [.broken])
        #expect(Self.replies([[0x2B], longest, longest]) == [.broken])
    }
}
