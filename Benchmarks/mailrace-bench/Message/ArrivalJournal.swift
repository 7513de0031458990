import Glibc

/// A file that names each message that has arrived, a line of 34 bytes each:
///
///     0011223344556677 0000000000000001
///
/// run and number within the run, in hexadecimal. A line is written before the message is answered, so that the file
/// knows of it even where the sink is killed a moment later. Several sinks can write to one file, at once or one after
/// the other.
struct ArrivalJournal: Sendable {
    private let descriptor: Int32

    /// Opens the file for more lines, and makes it where it is not there.
    init(appendingTo path: String) throws(Unavailable) {
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Unavailable("\(path): \(String(cString: strerror(errno)))") }
    }

    /// Adds a message; false where that failed. To be called before the message is answered.
    func note(_ mark: MessageMark) -> Bool {
        let line = Self.hexadecimal(mark.run) + [UInt8(ascii: " ")] + Self.hexadecimal(mark.number) + [0x0a]
        return write(descriptor, line, line.count) == line.count
    }

    func close() { _ = Glibc.close(descriptor) }

    /// What a file tells.
    static func read(_ path: String) throws(Unavailable) -> ArrivalLedger {
        guard let file = fopen(path, "rbe") else { throw Unavailable("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var ledger = ArrivalLedger()
        var line = [UInt8](repeating: 0, count: lineBytes)
        var lines = 0
        while true {
            let count = fread(&line, 1, lineBytes, file)
            guard count > 0, ferror(file) == 0 else { break }
            lines += 1
            guard count == lineBytes, let entry = entry(line) else {
                throw Unavailable("\(path): line \(lines) names no message")
            }
            ledger.note(run: entry.run, number: entry.number)
        }
        guard ferror(file) == 0 else { throw Unavailable("\(path): cannot be read") }
        return ledger
    }

    private static let digits = 16
    private static let lineBytes = 2 * digits + 2

    private static func entry(_ line: [UInt8]) -> (run: UInt64, number: UInt64)? {
        let text = String(decoding: line, as: UTF8.self)
        let words = text.dropLast().split(separator: " ", omittingEmptySubsequences: false)
        guard text.last == "\n", words.count == 2, words.allSatisfy({ $0.utf8.count == digits }),
            let run = UInt64(words[0], radix: 16), let number = UInt64(words[1], radix: 16)
        else { return nil }
        return (run, number)
    }

    private static func hexadecimal(_ value: UInt64) -> [UInt8] {
        let text = String(value, radix: 16)
        return [UInt8](repeating: UInt8(ascii: "0"), count: digits - text.utf8.count) + text.utf8
    }
}
