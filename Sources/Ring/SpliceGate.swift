/// Says when a direction between two plain sockets has moved enough in large pieces for its bytes to go through a pipe,
/// and when so little comes at a time that they are copied again.
struct SpliceGate {
    private enum Way: UInt8 { case copying, splicing, copyingForEver }
    private var way: Way
    /// Small pieces in a row that were spliced.
    private var smallPieces: UInt8 = 0
    /// Bytes in a row of large pieces that were copied.
    private var copiedBytes: UInt32 = 0

    /// Bytes in a row of large pieces after which splicing begins.
    static let thresholdBytes = 256 << 10
    /// Small pieces in a row after which it ends. More than the dialogue between two messages has, and few enough to
    /// cost nothing.
    static let smallPiecesLimit: UInt8 = 8

    init(isAllowed: Bool) {
        way = isAllowed ? .copying : .copyingForEver
    }

    var isSplicing: Bool { way == .splicing }

    /// A large piece has been copied; true where it is time to splice. It is asked again with the next piece.
    mutating func isReached(by length: Int) -> Bool {
        guard way == .copying else { return false }
        copiedBytes = UInt32(min(Int(copiedBytes) + min(length, Self.thresholdBytes), Self.thresholdBytes))
        return copiedBytes == Self.thresholdBytes
    }

    mutating func splice() {
        way = .splicing
        smallPieces = 0
    }

    /// So many bytes were spliced at a time.
    mutating func noteSpliced(_ length: Int) {
        smallPieces = length < LargeReceive.worthwhileBytes ? smallPieces + 1 : 0
        if smallPieces == Self.smallPiecesLimit { copy() }
    }

    /// Copies, and counts from the beginning.
    mutating func copy() {
        copiedBytes = 0
        if way == .splicing { way = .copying }
    }

    /// One of the two sockets cannot be spliced.
    mutating func copyForEver() {
        way = .copyingForEver
    }
}
