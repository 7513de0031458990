import Glibc

/// What CRAM-MD5 answers to a challenge (RFC 2195 section 2).
enum CramMD5 {
    /// The digest in hexadecimal, as it stands in the answer.
    static func digest(of challenge: [UInt8], password: [UInt8]) -> String {
        MD5.authenticated(challenge, key: password).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    /// The answer, not yet in Base64.
    static func response(to challenge: [UInt8], user: String, password: String) -> [UInt8] {
        Array("\(user) \(digest(of: challenge, password: Array(password.utf8)))".utf8)
    }
}

/// RFC 1321. As a digest it is broken; it is here for servers that ask for it.
enum MD5 {
    private static let blockBytes = 64
    private static let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
    private static let sines = (1...64).map { UInt32(abs(sin(Double($0))) * 4_294_967_296) }

    static func digest(_ message: [UInt8]) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (2 * blockBytes - 8 - padded.count % blockBytes) % blockBytes)
        padded += littleEndian(UInt64(message.count) * 8)
        for start in stride(from: 0, to: padded.count, by: blockBytes) {
            mix(padded[start..<start + blockBytes], into: &state)
        }
        return state.flatMap { littleEndian($0) }
    }

    /// HMAC (RFC 2104).
    static func authenticated(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        let short = key.count > blockBytes ? digest(key) : key
        let padded = short + [UInt8](repeating: 0, count: blockBytes - short.count)
        return digest(padded.map { $0 ^ 0x5c } + digest(padded.map { $0 ^ 0x36 } + message))
    }

    private static func mix(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
        let words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { start in
            block[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let (mixed, index) =
                switch step / 16 {
                case 0: (b & c | ~b & d, step)
                case 1: (d & b | ~d & c, 5 * step + 1)
                case 2: (b ^ c ^ d, 3 * step + 5)
                default: (c ^ (b | ~d), 7 * step)
                }
            let sum = a &+ mixed &+ sines[step] &+ words[index % 16]
            let shift = shifts[step / 16][step % 4]
            (a, b, c, d) = (d, b &+ (sum << shift | sum >> (32 - shift)), b, c)
        }
        for (index, value) in [a, b, c, d].enumerated() { state[index] &+= value }
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
