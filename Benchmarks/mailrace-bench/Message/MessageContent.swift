/// The messages of a run: each has a number, and is the same whenever it is made.
///
/// Not Sendable: each shard has its own, which remembers digests.
final class MessageContent {
    let run: UInt64
    private let sizes: SizeMix
    fileprivate let text: MessageText
    private let fixedHeader: [UInt8]
    /// Bodies differ by the line they start with; there are so many of them.
    private static let variants: UInt64 = 64
    /// Those known, for each variant of each size.
    private var digests: [UInt64?]

    /// - Parameters:
    ///   - sizes: of the bodies, as the recipient sees them.
    ///   - sender, recipient: addresses for the header.
    init(run: UInt64, text: MessageText, sizes: SizeMix, sender: String, recipient: String) {
        precondition(sizes.isPossible)
        self.run = run
        self.text = text
        self.sizes = sizes
        fixedHeader = Array("From: <\(sender)>\r\nTo: <\(recipient)>\r\nSubject: mailrace-bench\r\n".utf8)
        digests = [UInt64?](repeating: nil, count: Int(Self.variants) * sizes.parts.count)
    }

    /// Bytes of the body of the message of this number.
    func bodyBytes(_ number: UInt64) -> Int { sizes.bytes(of: number) }

    /// What the message of this number says of itself.
    func mark(_ number: UInt64) -> MessageMark {
        let part = sizes.part(of: number)
        let known = part * Int(Self.variants) + Int(number % Self.variants)
        let digest = digests[known] ?? digestOfBody(number)
        digests[known] = digest
        return MessageMark(run: run, number: number, length: UInt64(sizes.parts[part].bytes), digest: digest)
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
        var remaining = bodyBytes(number)
        while remaining > 0 {
            let run = text.run(from: line, remaining: remaining)
            text.plain[run.plain].withUnsafeBytes { digest.add($0.bytes) }
            line = run.nextLine
            remaining -= run.plain.count
        }
        return digest.value
    }
}

/// Makes one message piece by piece.
struct MessageWriter {
    /// How the message goes over the wire.
    enum Form {
        /// As DATA carries it: dots doubled, the terminator at the end (RFC 5321 section 4.5.2).
        case lines
        /// As BDAT carries it: as it is (RFC 3030).
        case octets
    }

    private let content: MessageContent
    private let number: UInt64
    private let form: Form
    private var line: Int
    private var remaining: Int
    private var isBegun = false
    private(set) var isComplete = false

    private static let terminator: [UInt8] = [UInt8(ascii: "."), 0x0d, 0x0a]

    init(_ content: MessageContent, number: UInt64, form: Form = .lines) {
        self.content = content
        self.number = number
        self.form = form
        line = content.firstLine(number)
        remaining = content.bodyBytes(number)
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
            switch form {
            case .lines: piece += content.text.stuffed[run.stuffed]
            case .octets: piece += content.text.plain[run.plain]
            }
            line = run.nextLine
            remaining -= run.plain.count
        }
        if form == .lines { piece += Self.terminator }
        isComplete = true
    }
}

/// Cuts one message into chunks for BDAT (RFC 3030 section 2).
struct ChunkCutter {
    private var writer: MessageWriter
    private let chunkBytes: Int
    /// What has been made and not yet cut off, from `start` on.
    private var made: [UInt8] = []
    private var start = 0

    init(_ content: MessageContent, number: UInt64, chunkBytes: Int) {
        precondition(chunkBytes > 0)
        writer = MessageWriter(content, number: number, form: .octets)
        self.chunkBytes = chunkBytes
    }

    /// The next chunk; not to be called again after the last.
    mutating func next() -> (bytes: [UInt8], isLast: Bool) {
        // One byte more than a chunk tells whether it is the last.
        if made.count - start <= chunkBytes, !writer.isComplete {
            made.removeFirst(start)
            start = 0
            writer.append(to: &made, until: chunkBytes + 1)
        }
        let end = min(start + chunkBytes, made.count)
        let chunk = Array(made[start..<end])
        start = end
        return (chunk, writer.isComplete && end == made.count)
    }
}
