/// The messages of a run: each has a number, and is the same whenever it is made.
///
/// Not Sendable: each shard has its own, which remembers digests.
final class MessageContent {
    let run: UInt64
    /// Bytes of each body, as the recipient sees it.
    let bodyBytes: Int
    fileprivate let text: MessageText
    private let fixedHeader: [UInt8]
    /// Bodies differ by the line they start with; there are so many of them.
    private static let variants: UInt64 = 64
    private var digests: [UInt64?]

    /// - Parameters:
    ///   - bodyBytes: 0, or 2 at least, for a body ends with CRLF.
    ///   - sender, recipient: addresses for the header.
    init(run: UInt64, text: MessageText, bodyBytes: Int, sender: String, recipient: String) {
        precondition(bodyBytes == 0 || bodyBytes >= 2)
        self.run = run
        self.text = text
        self.bodyBytes = bodyBytes
        fixedHeader = Array("From: <\(sender)>\r\nTo: <\(recipient)>\r\nSubject: mailrace-bench\r\n".utf8)
        digests = [UInt64?](repeating: nil, count: Int(Self.variants))
    }

    /// What the message of this number says of itself.
    func mark(_ number: UInt64) -> MessageMark {
        let variant = Int(number % Self.variants)
        let digest = digests[variant] ?? digestOfBody(number)
        digests[variant] = digest
        return MessageMark(run: run, number: number, length: UInt64(bodyBytes), digest: digest)
    }

    fileprivate func header(_ number: UInt64) -> [UInt8] {
        fixedHeader + mark(number).field + [0x0d, 0x0a]
    }

    fileprivate func firstLine(_ number: UInt64) -> Int {
        Int(number % Self.variants) * (MessageText.lineCount / Int(Self.variants))
    }

    private func digestOfBody(_ number: UInt64) -> UInt64 {
        var digest = Digest()
        var line = firstLine(number)
        var remaining = bodyBytes
        while remaining > 0 {
            let run = text.run(from: line, remaining: remaining)
            text.plain[run.plain].withUnsafeBytes { digest.add($0.bytes) }
            line = run.nextLine
            remaining -= run.plain.count
        }
        return digest.value
    }
}

/// Makes one message piece by piece, as DATA carries it: dots doubled, the terminator at the end.
struct MessageWriter {
    private let content: MessageContent
    private let number: UInt64
    private var line: Int
    private var remaining: Int
    private var isBegun = false
    private(set) var isComplete = false

    private static let terminator: [UInt8] = [UInt8(ascii: "."), 0x0d, 0x0a]

    init(_ content: MessageContent, number: UInt64) {
        self.content = content
        self.number = number
        line = content.firstLine(number)
        remaining = content.bodyBytes
    }

    /// Appends to `piece` until it holds `enough` bytes, and at most a run of lines more, or the message is complete.
    mutating func append(to piece: inout [UInt8], until enough: Int) {
        if !isBegun {
            isBegun = true
            piece += content.header(number)
        }
        while remaining > 0 {
            guard piece.count < enough else { return }
            let run = content.text.run(from: line, remaining: remaining)
            piece += content.text.stuffed[run.stuffed]
            line = run.nextLine
            remaining -= run.plain.count
        }
        piece += Self.terminator
        isComplete = true
    }
}
