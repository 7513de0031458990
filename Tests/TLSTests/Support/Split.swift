import Testing

/// How a stream is cut into the pieces in which it arrives.
enum Split: Sendable, CustomTestStringConvertible {
    case whole
    case every(Int)
    /// Lengths from 1 to `most`, the same ones for the same seed.
    case random(seed: UInt64, most: Int)

    static let all: [Split] = [
        .whole, .every(1), .every(2), .every(3), .every(17), .random(seed: 1, most: 40), .random(seed: 2, most: 700),
    ]

    var testDescription: String {
        switch self {
        case .whole: "all at once"
        case .every(let length): "every \(length) bytes"
        case .random(let seed, let most): "random pieces up to \(most) bytes (seed \(seed))"
        }
    }

    /// The pieces of `count` bytes.
    func ranges(of count: Int) -> [Range<Int>] {
        var generator = SeededGenerator(state: 0)
        if case .random(let seed, _) = self { generator.state = seed &+ UInt64(count) }
        var ranges: [Range<Int>] = []
        var start = 0
        while start < count {
            let length =
                switch self {
                case .whole: count
                case .every(let length): length
                case .random(_, let most): Int.random(in: 1...most, using: &generator)
                }
            let end = min(start + length, count)
            ranges.append(start..<end)
            start = end
        }
        return ranges
    }
}

/// A small generator whose numbers are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
