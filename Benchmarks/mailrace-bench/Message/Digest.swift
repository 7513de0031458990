/// A 64-bit checksum of a stream of bytes, the same however the stream is cut into pieces.
///
/// Words of eight bytes go round four lanes, so that the processor works on four at once. Each step is a bijection of
/// its lane, so that a change within one word is certain to show; others show but for one in 2^64. It guards against
/// faults, not against forgers.
struct Digest {
    private var lanes = SIMD4<UInt64>(
        0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89)
    /// The bytes since the last whole word, the first in the lowest bits.
    private var partial: UInt64 = 0
    private(set) var length: UInt64 = 0

    private static let wordBytes = 8
    private static let roundBytes = 32

    mutating func add(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.wordBytes else { return addFew(bytes) }
        var index = 0
        if heldBytes > 0 {
            index = Self.wordBytes - heldBytes
            let word = partial | Self.word(0, of: bytes) << UInt64(8 * heldBytes)
            partial = 0
            length &+= UInt64(index)
            mix(word, length &- UInt64(Self.wordBytes))
        }
        while length % UInt64(Self.roundBytes) != 0, index + Self.wordBytes <= bytes.byteCount {
            addWord(Self.word(index, of: bytes))
            index += Self.wordBytes
        }
        let rounds = (bytes.byteCount - index) / Self.roundBytes
        addRounds(rounds, of: bytes, from: index)
        index += rounds * Self.roundBytes
        while index + Self.wordBytes <= bytes.byteCount {
            addWord(Self.word(index, of: bytes))
            index += Self.wordBytes
        }
        let rest = bytes.byteCount - index
        guard rest > 0 else { return }
        partial = Self.word(bytes.byteCount - Self.wordBytes, of: bytes) >> UInt64(8 * (Self.wordBytes - rest))
        length &+= UInt64(rest)
    }

    /// The checksum of what has been added.
    var value: UInt64 {
        var end = Self.mixed(partial, length)
        for lane in 0..<4 { end = Self.mixed(end, lanes[lane]) }
        return Self.mixed(end, 0)
    }

    /// Bytes of a word that is not whole yet.
    private var heldBytes: Int { Int(length % UInt64(Self.wordBytes)) }

    private mutating func addFew(_ bytes: RawSpan) {
        for index in 0..<bytes.byteCount {
            partial |= UInt64(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)) << UInt64(8 * heldBytes)
            length &+= 1
            guard heldBytes == 0 else { continue }
            mix(partial, length &- UInt64(Self.wordBytes))
            partial = 0
        }
    }

    private mutating func addWord(_ word: UInt64) {
        mix(word, length)
        length &+= UInt64(Self.wordBytes)
    }

    /// Mixes in the word that starts at `position` of the stream.
    private mutating func mix(_ word: UInt64, _ position: UInt64) {
        let lane = Int(position / UInt64(Self.wordBytes) % 4)
        lanes[lane] = Self.mixed(lanes[lane], word)
    }

    private mutating func addRounds(_ count: Int, of bytes: RawSpan, from start: Int) {
        var (first, second, third, fourth) = (lanes[0], lanes[1], lanes[2], lanes[3])
        var index = start
        for _ in 0..<count {
            first = Self.mixed(first, Self.word(index, of: bytes))
            second = Self.mixed(second, Self.word(index + 8, of: bytes))
            third = Self.mixed(third, Self.word(index + 16, of: bytes))
            fourth = Self.mixed(fourth, Self.word(index + 24, of: bytes))
            index += Self.roundBytes
        }
        lanes = SIMD4(first, second, third, fourth)
        length &+= UInt64(count * Self.roundBytes)
    }

    @inline(__always)
    private static func word(_ offset: Int, of bytes: RawSpan) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ (product >> 32)
    }
}
