/// Reads the content of a message as it arrives, in pieces of any length, and puts out what may go on: the machine
/// below `MessageScanner` and `ChunkScanner`.
///
/// Lines end with CRLF alone. What the next server could take for the end of a line, of data or of a string (a bare CR,
/// a bare LF, a NUL) never leaves it. A CR is held until its LF is there, and so is a dot that could begin the end of
/// data: whatever happens next, no part of a marker has gone out.
struct ContentScanner: Sendable {
    /// Where the next byte stands.
    private enum Place: Sendable {
        /// At the start of a line. Only behind a CRLF as it came, or at the start of all, may a dot begin the end of
        /// data.
        case lineStart(isBehindCRLF: Bool)
        case inLine
        /// Behind a CR that is held.
        case carriageReturn
        /// Behind a dot at the start of a line, which is held.
        case dot
        /// Behind the same and a CR; both are held.
        case dotCarriageReturn
        /// Behind the end of data.
        case end
    }

    /// Lines that begin with a dot have one more, in what comes, and the end of data is looked for.
    private let readsStuffed: Bool
    /// They have one more in what goes out.
    private let writesStuffed: Bool
    private let rejects: Bool
    /// Of one line, without its CRLF.
    private let contentBytesMax: Int
    private let messageBytesMax: Int
    private var place = Place.lineStart(isBehindCRLF: true)
    /// Of the line so far, without a dot that was doubled.
    private var lineBytes = 0

    private(set) var fault: MessageScanner.Fault?
    private(set) var messageBytes = 0
    private(set) var is8Bit = false

    init(_ rules: MessageScanner.Rules, readsStuffed: Bool, writesStuffed: Bool) {
        self.readsStuffed = readsStuffed
        self.writesStuffed = writesStuffed
        rejects = rules.policy == .reject
        contentBytesMax = max(0, rules.lineBytesMax - 2)
        messageBytesMax = rules.messageBytesMax == 0 ? .max : rules.messageBytesMax
    }

    var isComplete: Bool {
        if case .end = place { true } else { false }
    }

    /// Reads as many of `bytes` as belong to the message.
    mutating func scan(_ bytes: Span<UInt8>, into output: inout [UInt8]) -> Int {
        var index = 0
        while index < bytes.count {
            switch place {
            case .end: return index
            case .inLine:
                index = passClean(bytes, from: index, into: &output)
                if index < bytes.count, case .inLine = place { index += readWithinLine(bytes[index], &output) }
            case .lineStart(let isBehindCRLF):
                guard bytes[index] == .dot, readsStuffed || writesStuffed else {
                    place = .inLine
                    continue
                }
                index += 1
                if readsStuffed && isBehindCRLF {
                    place = .dot
                } else {
                    place = .inLine
                    if takeByte() { put(.dot, .dot, &output) }
                }
            case .carriageReturn:
                index += readBehindCarriageReturn(bytes[index], &output)
            case .dot:
                index += readBehindDot(bytes[index], &output)
            case .dotCarriageReturn:
                index += readBehindDotCarriageReturn(bytes[index], &output)
            }
        }
        return index
    }

    /// What is held, where nothing more comes: a CR has no LF then.
    mutating func finish(into output: inout [UInt8]) {
        if case .carriageReturn = place {
            place = .inLine
            repair(.bareCarriageReturn, &output)
        }
        guard writesStuffed, case .inLine = place else { return }
        put(.carriageReturn, .lineFeed, &output)
        place = .lineStart(isBehindCRLF: true)
    }
}

/// One byte, where it has to be looked at for itself. Each says whether it has taken it: 1, or 0.
extension ContentScanner {
    /// A byte that `passClean` left alone: a special one, or one for which there is no room.
    private mutating func readWithinLine(_ byte: UInt8, _ output: inout [UInt8]) -> Int {
        switch byte {
        case .carriageReturn:
            place = .carriageReturn
        case .lineFeed:
            guard mayRepair(.bareLineFeed) else { break }
            endLine(isBehindCRLF: false, &output)
        case .nul:
            repair(.nul, &output)
        default:
            // It finds no room; the rest of the message is only followed to its end.
            if takeByte() { put(byte, &output) }
            if byte >= 0x80 { is8Bit = true }
        }
        return 1
    }

    private mutating func readBehindCarriageReturn(_ byte: UInt8, _ output: inout [UInt8]) -> Int {
        place = .inLine
        guard byte == .lineFeed else {
            repair(.bareCarriageReturn, &output)
            return 0
        }
        endLine(isBehindCRLF: true, &output)
        return 1
    }

    private mutating func readBehindDot(_ byte: UInt8, _ output: inout [UInt8]) -> Int {
        switch byte {
        case .carriageReturn:
            place = .dotCarriageReturn
            return 1
        case .lineFeed:
            // A line of one dot, and not the end: it goes on as content.
            if mayRepair(.bareLineFeed), takeByte() { put(.dot, .dot, &output) }
        case .nul:
            if mayRepair(.nul) { put(.dot, &output) }
        default:
            put(.dot, &output)
        }
        place = .inLine
        return 0
    }

    private mutating func readBehindDotCarriageReturn(_ byte: UInt8, _ output: inout [UInt8]) -> Int {
        guard byte != .lineFeed else {
            place = .end
            return 1
        }
        place = .inLine
        if mayRepair(.bareCarriageReturn) {
            put(.dot, &output)
            if takeByte() { put(.space, &output) }
        }
        return 0
    }

    // MARK: Putting out

    /// A byte that may not be there is refused, or becomes a space.
    private mutating func repair(_ found: MessageScanner.Fault, _ output: inout [UInt8]) {
        if mayRepair(found), takeByte() { put(.space, &output) }
    }

    private mutating func mayRepair(_ found: MessageScanner.Fault) -> Bool {
        if rejects { note(found) }
        return !rejects
    }

    private mutating func endLine(isBehindCRLF: Bool, _ output: inout [UInt8]) {
        count(2)
        put(.carriageReturn, .lineFeed, &output)
        lineBytes = 0
        place = .lineStart(isBehindCRLF: isBehindCRLF)
    }

    /// Makes room for one byte of the line; false where there is none.
    private mutating func takeByte() -> Bool {
        count(1)
        if lineBytes >= contentBytesMax { note(.lineTooLong) }
        lineBytes += 1
        return fault == nil
    }

    private mutating func count(_ number: Int) {
        messageBytes += number
        if messageBytes > messageBytesMax { note(.tooLarge) }
    }

    private mutating func note(_ found: MessageScanner.Fault) {
        if fault == nil { fault = found }
    }

    private func put(_ byte: UInt8, _ output: inout [UInt8]) {
        if fault == nil { output.append(byte) }
    }

    private func put(_ first: UInt8, _ second: UInt8, _ output: inout [UInt8]) {
        guard fault == nil else { return }
        output.append(first)
        output.append(second)
    }
}

/// The bulk of all mail: whole lines of nothing special, which go out in one piece.
extension ContentScanner {
    /// Passes bytes that need no look of their own, from within a line on: up to a special one, to a line that begins
    /// with a dot, or to where there is no room. Returns where it stopped.
    private mutating func passClean(_ bytes: Span<UInt8>, from start: Int, into output: inout [UInt8]) -> Int {
        let end = fault == nil ? start + min(bytes.count - start, messageBytesMax - messageBytes) : bytes.count
        // Where the line would have begun, had all of it come at once.
        var line = start - lineBytes
        var index = start
        while index < end {
            let limit = fault == nil ? min(end, line + contentBytesMax) : end
            index = passOrdinary(bytes, from: index, to: limit)
            place = .inLine
            guard index + 1 < end, bytes[index] == .carriageReturn, bytes[index + 1] == .lineFeed else { break }
            index += 2
            line = index
            place = .lineStart(isBehindCRLF: true)
            guard index < end, bytes[index] != .dot else { break }
        }
        lineBytes = index - line
        messageBytes += index - start
        guard fault == nil, index > start else { return index }
        unsafe bytes.extracting(start..<index).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
        return index
    }

    /// Passes bytes that are neither CR nor LF nor NUL, eight at a time where it can.
    private mutating func passOrdinary(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        var seen: UInt64 = 0
        while index + 8 <= end {
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard !Self.mayHoldSpecial(word) else { break }
            seen |= word
            index += 8
        }
        while index < end {
            let byte = bytes[index]
            guard byte > .carriageReturn || byte != .carriageReturn && byte != .lineFeed && byte != .nul else { break }
            seen |= UInt64(byte)
            index += 1
        }
        if seen & Self.highBits != 0 { is8Bit = true }
        return index
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Whether one of the eight bytes is below 0x0E.
    private static func mayHoldSpecial(_ word: UInt64) -> Bool {
        (word &- ones &* 0x0E) & ~word & highBits != 0
    }
}
