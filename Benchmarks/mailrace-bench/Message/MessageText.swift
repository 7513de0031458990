/// The lines that the bodies of a run are cut from: ordinary ones, empty ones, and many that begin with a dot, because
/// dot transparency (RFC 5321 section 4.5.2) is what a relay or a server gets wrong first.
///
/// A body is made of runs of whole lines, which lie side by side here in both of their forms, so that making a message
/// is copying a few large pieces.
struct MessageText: Sendable {
    /// The lines as the recipient sees them; behind them the filler.
    private(set) var plain: [UInt8] = []
    /// The lines as they are sent, dots doubled; behind them the filler.
    private(set) var stuffed: [UInt8] = []
    /// Where each line starts in either form, and where the last one ends.
    private var plainStarts = [0]
    private var stuffedStarts = [0]

    /// A piece of a body: where it lies in `plain` and in `stuffed`.
    struct Run: Equatable {
        let plain: Range<Int>
        let stuffed: Range<Int>
        /// The line that the next run starts with.
        let nextLine: Int
    }

    static let lineCount = 1_024
    /// The longest line, its CRLF included: that of MIME's encodings.
    static let lineBytesMax = 78
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    init(seed: UInt64) {
        var numbers = RandomNumbers(seed: seed)
        for _ in 0..<Self.lineCount {
            let line = Self.line(&numbers)
            plain += line
            if line.first == UInt8(ascii: ".") { stuffed.append(UInt8(ascii: ".")) }
            stuffed += line
            plainStarts.append(plain.count)
            stuffedStarts.append(stuffed.count)
        }
        let filler = [UInt8](repeating: UInt8(ascii: "x"), count: Self.lineBytesMax) + [0x0d, 0x0a]
        plain += filler
        stuffed += filler
    }

    private static func line(_ numbers: inout RandomNumbers) -> [UInt8] {
        var line: [UInt8] = []
        switch numbers.next() % 64 {
        case 0: break
        case 1: line = [UInt8](repeating: UInt8(ascii: "."), count: Int(1 + numbers.next() % 3))
        case 2...5: line = [UInt8(ascii: ".")] + letters(60, &numbers)
        default: line = letters(lineBytesMax - 2 - Int(numbers.next() % 16), &numbers)
        }
        return line + [0x0d, 0x0a]
    }

    private static func letters(_ count: Int, _ numbers: inout RandomNumbers) -> [UInt8] {
        (0..<count).map { _ in alphabet[Int(numbers.next() % UInt64(alphabet.count))] }
    }

    /// The next piece of a body that has `remaining` bytes to go: as many lines as there are from `line` on and as fit,
    /// or one line of filler that fits exactly.
    ///
    /// - Parameter remaining: 2 at least, for a body ends with CRLF.
    func run(from line: Int, remaining: Int) -> Run {
        precondition(remaining >= 2 && line < Self.lineCount)
        let start = plainStarts[line]
        var end = lineEnd(atMost: start + remaining)
        // A single byte could not be filled: it has no room for a CRLF.
        if start + remaining - plainStarts[end] == 1 { end -= 1 }
        guard end > line else { return filler(remaining) }
        return Run(
            plain: start..<plainStarts[end], stuffed: stuffedStarts[line]..<stuffedStarts[end],
            nextLine: end % Self.lineCount)
    }

    private func filler(_ length: Int) -> Run {
        precondition(length <= Self.lineBytesMax + 2)
        return Run(
            plain: plain.count - length..<plain.count, stuffed: stuffed.count - length..<stuffed.count, nextLine: 0)
    }

    /// The last line start that is not behind `offset` in `plain`, as the number of its line.
    private func lineEnd(atMost offset: Int) -> Int {
        var low = 0
        var high = Self.lineCount
        while low < high {
            let middle = (low + high + 1) / 2
            if plainStarts[middle] <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }
}
