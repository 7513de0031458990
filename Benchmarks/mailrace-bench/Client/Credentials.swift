import TLS

/// What a client proves who it is with (RFC 4954).
struct Credentials: Equatable, Sendable {
    enum Mechanism: String, CaseIterable, Sendable {
        /// RFC 4616.
        case plain
        case login
        /// RFC 2195.
        case cramMD5 = "cram-md5"
    }

    var mechanism: Mechanism
    var user: String
    var password: String

    /// The first line of a file.
    static func password(inFile path: String) throws(UsageError) -> String {
        let bytes: [UInt8]
        do throws(Unavailable) {
            bytes = try SmallFile.read(path).bytes
        } catch {
            throw UsageError(error.reason)
        }
        return String(decoding: bytes.prefix { $0 != 0x0a && $0 != 0x0d }, as: UTF8.self)
    }

    /// PLAIN's only message.
    var plainResponse: String { Base64.encoded([0] + Array(user.utf8) + [0] + Array(password.utf8)) }
}

/// RFC 4648 section 4, as SASL uses it.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * index)) & 63]
                text.append(index <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil where the text is not the encoding of anything.
    static func decoded(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        for (index, byte) in text.dropLast(padding).enumerated() {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            // Every digit but the first of four completes a byte.
            guard index % 4 > 0 else { continue }
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(6 - 2 * (index % 4))))
        }
        return bytes
    }
}
