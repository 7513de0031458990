/// A 64-bit checksum of a stream of bytes, the same however the stream is cut into pieces.
///
/// Each step is a bijection of the state, so that any change within one word of eight bytes is certain to show; others
/// show but for one in 2^64. It guards against faults, not against forgers.
struct Digest {
    private var state: UInt64 = 0x243F_6A88_85A3_08D3
    /// The bytes since the last whole word, the first in the lowest bits.
    private var partial: UInt64 = 0
    private(set) var length: UInt64 = 0

    private static let wordBytes = 8

    mutating func add(_ bytes: RawSpan) {
        var index = 0
        while partialBytes != 0, index < bytes.byteCount {
            addByte(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            index += 1
        }
        let words = (bytes.byteCount - index) / Self.wordBytes
        for _ in 0..<words {
            mix(bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += Self.wordBytes
        }
        length &+= UInt64(words * Self.wordBytes)
        while index < bytes.byteCount {
            addByte(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            index += 1
        }
    }

    /// The checksum of what has been added.
    var value: UInt64 {
        var end = self
        end.mix(partial)
        end.mix(length)
        end.mix(0)
        return end.state
    }

    private var partialBytes: UInt64 { length & UInt64(Self.wordBytes - 1) }

    private mutating func addByte(_ byte: UInt8) {
        partial |= UInt64(byte) << (8 * partialBytes)
        length &+= 1
        guard partialBytes == 0 else { return }
        mix(partial)
        partial = 0
    }

    @inline(__always)
    private mutating func mix(_ word: UInt64) {
        let product = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
        state = product ^ (product >> 32)
    }
}
