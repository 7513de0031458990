/// The checksum of PROXY headers: CRC-32C, bits reflected (RFC 9260 appendix A).
struct CRC32C: Sendable {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 0 ? rest >> 1 : rest >> 1 ^ 0x82F6_3B78 }
    }

    private var state = UInt32.max

    mutating func add(_ byte: UInt8) {
        state = state >> 8 ^ Self.table[Int(UInt8(truncatingIfNeeded: state) ^ byte)]
    }

    /// The checksum of the bytes added so far.
    var value: UInt32 { ~state }

    /// The checksum of the first `length` bytes, of which those in `zeroed` count as zero.
    static func of(_ bytes: Span<UInt8>, length: Int, zeroed: Range<Int>) -> UInt32 {
        var checksum = CRC32C()
        for index in 0..<length { checksum.add(zeroed.contains(index) ? 0 : bytes[index]) }
        return checksum.value
    }
}
