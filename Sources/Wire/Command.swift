/// A client's command: a verb, and what follows it (RFC 5321 section 4.1.1).
public struct Command: Sendable, Equatable {
    public let verb: Verb

    /// What stands behind the first space, without the blanks at the end; empty if there is nothing.
    /// A server answers 501 to STARTTLS when this is not empty (RFC 3207 section 4).
    public let argument: [UInt8]

    /// Reads one line, with or without its CRLF. Only the first space splits it; blanks at its end are no part of it
    /// (RFC 5321 section 4.1.1 asks servers to tolerate them).
    public init(line: Span<UInt8>) throws(CommandError) {
        var end = line.endsInLineEnd ? line.count - 2 : line.count
        if let byte = ForbiddenByte.first(in: line, length: end) { throw .forbidden(byte) }
        while end > 0, line[end - 1].isBlank { end -= 1 }
        guard end > 0 else { throw .empty }

        var split = 0
        while split < end, line[split] != .space { split += 1 }
        verb = Verb(line, length: split)
        var argument: [UInt8] = []
        if split < end { argument.append(line, in: split + 1..<end) }
        self.argument = argument
    }
}

/// Why a line is no command. A server answers 500 to each (RFC 5321 section 4.2.4).
public enum CommandError: Error, Equatable, CustomStringConvertible {
    /// There is nothing in it, or nothing but blanks.
    case empty
    /// It holds a byte that may not stand within a line.
    case forbidden(ForbiddenByte)

    public var description: String {
        switch self {
        case .empty: "empty command line"
        case .forbidden(let byte): "\(byte) in a command line"
        }
    }
}
