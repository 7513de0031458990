/// The AUTH command (RFC 4954 section 4). It says where things stand in the line and copies none of them, so that the
/// line's owner can wipe all there is.
public struct AuthCommand: Sendable, Equatable {
    /// Nil where the line names one that Mailrace does not know.
    public let mechanism: SASLMechanism?
    /// Where the initial response stands in the line: what `SASLServer.begin` takes. Nil where there is none.
    public let initialResponse: Range<Int>?

    /// Reads a line that begins with AUTH, with or without its CRLF. Nil where it names no mechanism, or where more
    /// stands behind it than an initial response. Blanks at the end are no part of it (RFC 5321 section 4.1.1), more
    /// than one space between the words is taken for one.
    public init?(line: Span<UInt8>) {
        precondition(Verb(line: line) == .auth)
        var end = line.endsInLineEnd ? line.count - 2 : line.count
        while end > 0, line[end - 1].isBlank { end -= 1 }
        var words: [Range<Int>] = []
        var start = "AUTH".utf8.count
        while start < end {
            guard line[start] == .space, words.count < 3 else { return nil }
            while start < end, line[start] == .space { start += 1 }
            let from = start
            while start < end, line[start] > .space { start += 1 }
            words.append(from..<start)
        }
        guard 1...2 ~= words.count else { return nil }
        mechanism = SASLMechanism(line.extracting(words[0]))
        initialResponse = words.count == 2 ? words[1] : nil
    }
}
