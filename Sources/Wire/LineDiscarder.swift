/// Finds the end of a line that is too long to be kept, over as many reads as it takes.
///
/// It begins with the first byte of the line, and takes all it is handed: unlike `LineFramer` it sees no byte twice.
/// How much of a line is worth waiting for is the caller's to decide, by `discardedBytes`.
public struct LineDiscarder: Sendable {
    /// What to drop from the front of the bytes handed over.
    public enum Outcome: Sendable, Equatable {
        /// The line ends with the first `length` bytes, its CRLF included. What follows them is the next line.
        case lineEnd(length: Int)
        /// All of them belong to the line.
        case incomplete
    }

    /// The bytes of the line seen so far, its CRLF included.
    public private(set) var discardedBytes = 0

    private var endedInCarriageReturn = false

    /// A discarder that stands at the start of a line.
    public init() {}

    /// Looks for the end of the line in `bytes`, which follow those of the call before.
    public mutating func next(in bytes: Span<UInt8>) -> Outcome {
        for index in bytes.indices {
            if bytes[index] == .lineFeed, endedInCarriageReturn {
                discardedBytes += index + 1
                endedInCarriageReturn = false
                return .lineEnd(length: index + 1)
            }
            endedInCarriageReturn = bytes[index] == .carriageReturn
        }
        discardedBytes += bytes.count
        return .incomplete
    }
}
