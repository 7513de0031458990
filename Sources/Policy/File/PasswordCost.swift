/// What a hash demands of who tries a password on it.
///
/// A file may come from elsewhere, and there are settings that take days or all the memory there is: one such line
/// would keep everybody out, for it need not even be the right user's password that is tried.
enum PasswordCost {
    /// bcrypt, as a power of two: about four seconds.
    static let bcryptMax = 16
    /// SHA-256 and SHA-512: about two seconds.
    static let roundsMax = 2_000_000
    /// yescrypt, as a power of two: a gigabyte and about two seconds with the usual size of a block.
    static let yescryptBlocksMax = 18
    /// yescrypt, in units of 128 bytes.
    static let yescryptBlockSizeMax = 32

    /// Whether it is a hash by a method whose cost is known, and which is bounded.
    static func isBounded(_ hash: String) -> Bool {
        let parts = hash.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return false }
        switch String(parts[1]) {
        case "2a", "2b", "2y": return Int(String(parts[2]) ?? "").map { $0 <= bcryptMax } ?? false
        case "5", "6":
            let mark = Array("rounds=".utf8)
            guard parts[2].starts(with: mark) else { return true }
            return Int(String(parts[2].dropFirst(mark.count)) ?? "").map { $0 <= roundsMax } ?? false
        case "y", "gy": return isBounded(yescrypt: Array(parts[2]))
        // Looked at where they are read.
        case "argon2i", "argon2id": return true
        default: return false
        }
    }

    /// Flags, the power of two and the size of a block, a character each: what crypt_gensalt(3) makes.
    private static func isBounded(yescrypt parameters: [UInt8]) -> Bool {
        guard parameters.count == 3, let blocks = value(of: parameters[1]), let size = value(of: parameters[2]) else {
            return false
        }
        return blocks + 1 <= yescryptBlocksMax && size + 1 <= yescryptBlockSizeMax
    }

    /// Of a character among `./0-9A-Za-z`.
    private static func value(of character: UInt8) -> Int? {
        switch character {
        case UInt8(ascii: "."), UInt8(ascii: "/"): Int(character - UInt8(ascii: "."))
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 2
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A")) + 12
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 38
        default: nil
        }
    }
}
