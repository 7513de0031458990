/// The BDAT command (RFC 3030 section 2): a chunk of a message follows it.
public struct BdatCommand: Sendable, Equatable {
    /// The chunk's, in bytes. What no number here can hold is the greatest.
    public let size: Int
    /// The message ends with this chunk.
    public let isLast: Bool

    /// Reads what stands behind BDAT: `Command.argument`. Throws `badChunk`: nobody knows then where the next command
    /// begins.
    public init(argument: [UInt8]) throws(EnvelopeCommandError) {
        let words = argument.split(separator: .space)
        guard 1...2 ~= words.count, let size = [UInt8](words[0]).decimalNumber else { throw .badChunk }
        if words.count == 2, words[1].map(\.uppercased) != Array("LAST".utf8) { throw .badChunk }
        self.size = size
        isLast = words.count == 2
    }

    /// The command for an upstream.
    public var rendered: [UInt8] { Array("BDAT \(size)\(isLast ? " LAST" : "")\r\n".utf8) }

    public init(size: Int, isLast: Bool) {
        precondition(size >= 0)
        self.size = size
        self.isLast = isLast
    }
}
