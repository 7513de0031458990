import Testing
import Wire

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

/// A stream as it may arrive: in one read, in two that meet at every position, and byte by byte.
func everySplit(of stream: [UInt8]) -> [[[UInt8]]] {
    let halves = stream.indices.map { [Array(stream[..<$0]), Array(stream[$0...])] }
    return [[stream]] + halves + [stream.map { [$0] }]
}

/// Text with its control characters shown, for the names of test cases.
func visible(_ text: String) -> String {
    let shown = String(escaping: text.utf8, limitBytes: 60)
    return shown.utf8.count < 50 ? shown : "\(shown)... (\(text.utf8.count) bytes)"
}

/// An argument that prints with its control characters shown.
struct Text: Sendable, ExpressibleByStringLiteral, CustomTestStringConvertible {
    var string: String
    init(stringLiteral: String) { string = stringLiteral }
    init(_ string: String) { self.string = string }
    var testDescription: String { visible(string) }
}

/// What a session does with the framer and the discarder, without the session.
struct LineReader {
    enum Event: Equatable {
        case line(String)
        case discarded(Int)
    }

    private var framer: LineFramer
    private var discarder: LineDiscarder?
    private(set) var unread: [UInt8] = []
    private(set) var events: [Event] = []

    init(limitBytes: Int) {
        framer = LineFramer(limitBytes: limitBytes)
    }

    mutating func feed(_ read: [UInt8]) {
        unread += read
        while discarder == nil ? frame() : discard() {}
    }

    private mutating func frame() -> Bool {
        // A copy, because the span borrows all of self.
        var framing = framer
        defer { framer = framing }
        switch framing.next(in: unread.span) {
        case .line(let length):
            events.append(.line(String(decoding: unread[..<length], as: UTF8.self)))
            unread.removeFirst(length)
            return true
        case .incomplete:
            return false
        case .tooLong:
            discarder = LineDiscarder()
            return true
        }
    }

    private mutating func discard() -> Bool {
        guard var discarding = discarder else { return false }
        switch discarding.next(in: unread.span) {
        case .lineEnd(let length):
            events.append(.discarded(discarding.discardedBytes))
            unread.removeFirst(length)
            discarder = nil
            return true
        case .incomplete:
            unread = []
            discarder = discarding
            return false
        }
    }
}

extension Reply {
    /// The reply that `text` is, line by line as a framer gives them; throws what the assembler throws.
    init?(_ text: String) throws {
        guard let reply = try Reply.all(in: Array(text.utf8)).last else { return nil }
        self = reply
    }

    /// The replies in a stream. What follows the last CRLF is handed on as a line without one.
    static func all(in stream: [UInt8]) throws -> [Reply] {
        var replies: [Reply] = []
        var assembler = ReplyAssembler()
        var framer = LineFramer(limitBytes: 1 << 20)
        var unread = stream
        while !unread.isEmpty {
            var length = unread.count
            if case .line(let found) = framer.next(in: unread.span) { length = found }
            let line = Array(unread[..<length])
            if let reply = try assembler.add(line.span) { replies.append(reply) }
            unread.removeFirst(length)
        }
        return replies
    }

    var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// A reply of `length` bytes: 65 lines of 1,000 bytes, and a last one that holds the rest.
func longReply(ofBytes length: Int) -> String {
    let line = "250-" + repeated("x", 994) + "\r\n"
    return repeated(line, 65) + "250 " + repeated("x", length - 65_000 - 6) + "\r\n"
}

func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

/// The outcome of reading `stream` as it grows byte by byte: the first that is not `incomplete`, and for how many bytes.
func firstOutcome(_ stream: [UInt8]) -> (outcome: ProxyHeader.Outcome, bytes: Int) {
    for count in 0...stream.count {
        let outcome = ProxyHeader.next(in: stream.span.extracting(first: count))
        if outcome != .incomplete { return (outcome, count) }
    }
    return (.incomplete, stream.count)
}

extension ProxyHeader.Endpoint {
    /// An end in its text: `"192.0.2.1"`, 25.
    init(_ text: String, _ port: UInt16) throws {
        self.init(address: try #require(IPAddress(text)), port: port)
    }
}

/// A header of version 2 from its parts.
func binaryHeader(_ command: UInt8, _ family: UInt8, _ block: [UInt8], length: Int? = nil) -> [UInt8] {
    let length = length ?? block.count
    return bytes("\r\n\r\n\0\r\nQUIT\n") + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + block
}

/// A TLV in its bytes.
func tlv(_ type: UInt8, _ value: [UInt8], length: Int? = nil) -> [UInt8] {
    let length = length ?? value.count
    return [type, UInt8(length >> 8), UInt8(length & 0xFF)] + value
}

extension ProxyHeader {
    /// The header that `stream` is, to its last byte.
    init(filling stream: [UInt8]) throws {
        let outcome = ProxyHeader.next(in: stream.span)
        guard case .header(let header, stream.count) = outcome else {
            Issue.record("\(outcome)")
            throw ProxyHeaderError.notAHeader
        }
        self = header
    }
}
