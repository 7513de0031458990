/// Checks one message as it comes in, in any pieces, against what it says of itself.
struct MessageCheck {
    /// What is found once the message has ended.
    enum Verdict: Equatable {
        case intact(MessageMark)
        case damaged
        /// It has no mark: it is not one of this program's.
        case unmarked
    }

    /// The longest header looked at, in bytes.
    static let headerLimitBytes = 65_536

    private var header: [UInt8] = []
    private var isInBody = false
    private var digest = Digest()
    /// Bytes of the whole message so far.
    private(set) var length = 0

    /// Takes the next bytes, dots no more doubled.
    mutating func add(_ bytes: RawSpan) {
        length += bytes.byteCount
        var index = 0
        while !isInBody, index < bytes.byteCount {
            header.append(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            index += 1
            isInBody = headerHasEnded
        }
        if index < bytes.byteCount { digest.add(bytes.extracting(index..<bytes.byteCount)) }
    }

    /// What the message is, now that it has ended.
    var verdict: Verdict {
        guard let mark = MessageMark(header: header) else { return .unmarked }
        guard isInBody, digest.length == mark.length, digest.value == mark.digest else { return .damaged }
        return .intact(mark)
    }

    private var headerHasEnded: Bool {
        let count = header.count
        guard count >= 2, header[count - 1] == 0x0a, header[count - 2] == 0x0d else {
            return count >= Self.headerLimitBytes
        }
        return count == 2 || count >= 4 && header[count - 3] == 0x0a && header[count - 4] == 0x0d
    }
}
