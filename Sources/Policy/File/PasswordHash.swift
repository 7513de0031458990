import CCrypt
package import Wire

/// Hashes of passwords, by the methods of crypt(5) and by Argon2 (RFC 9106). Every method here may take a tenth of a
/// second: never on a shard.
package enum PasswordHash {
    /// The longest password, in bytes; a longer one is no one's.
    package static let passwordLimitBytes = Int(CCRYPT_PHRASE_BYTES) - 1

    /// Whether it is a hash by a method that holds today.
    static func isSound(_ hash: String) -> Bool {
        hash.utf8.count < Int(CCRYPT_HASH_BYTES) && hash.utf8.allSatisfy { (0x21..<0x7f).contains($0) }
            && (isArgon2(hash) ? ccrypt_argon2_is_sound(hash) : ccrypt_is_sound(hash))
    }

    /// How a hash is made.
    package enum Method: String, CaseIterable {
        case yescrypt
        case argon2id
    }

    private static func isArgon2(_ hash: String) -> Bool { hash.hasPrefix("$argon2") }

    /// Whether the hash is that of the password.
    static func matches(_ hash: String, _ password: Secret) -> Bool {
        if isArgon2(hash) {
            return withPhrase(password) { ccrypt_argon2_matches(hash, $0, password.count) } == 1
        }
        guard let made = make(password, setting: hash) else { return false }
        let bytes = Array(hash.utf8)
        return made.isSame(as: bytes.span)
    }

    /// A new hash of a password with a random salt; nil where the password is empty, too long or holds a NUL, or where
    /// the system cannot.
    package static func make(_ password: Secret, by method: Method = .yescrypt) -> String? {
        guard !password.isEmpty else { return nil }
        var text = [CChar](repeating: 0, count: Int(CCRYPT_HASH_BYTES))
        switch method {
        case .argon2id:
            guard withPhrase(password, { ccrypt_argon2_make($0, password.count, &text) }) == 0 else { return nil }
            return text.text
        case .yescrypt:
            guard ccrypt_make_setting("$y$", 0, &text) == 0 else { return nil }
        }
        return make(password, setting: text.text).map { made in
            made.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
        }
    }

    /// The line of a file of passwords for `user`; nil where that cannot be a user's name.
    package static func line(of user: String, _ hash: String) -> String? {
        let line = "\(user):\(hash)"
        guard let file = try? PasswordFile(Array(line.utf8)) else { return nil }
        return file.entry(of: Array(user.utf8))?.hash == hash ? line : nil
    }

    private static func make(_ password: Secret, setting: String) -> Secret? {
        var hash = [CChar](repeating: 0, count: Int(CCRYPT_HASH_BYTES))
        guard withPhrase(password, { ccrypt_hash($0, setting, &hash) }) == 0 else { return nil }
        let length = hash.firstIndex(of: 0) ?? hash.count
        return Secret(capacityBytes: length) { made in
            for byte in hash[..<length] { made.append(UInt8(bitPattern: byte)) }
        }
    }

    /// Lends the password with a NUL behind it; nil where it is too long or holds one itself.
    private static func withPhrase(_ password: Secret, _ body: (UnsafePointer<CChar>) -> Int32) -> Int32? {
        guard password.count <= passwordLimitBytes else { return nil }
        var phrase: [UInt8] = []
        phrase.reserveCapacity(password.count + 1)
        password.append(to: &phrase)
        defer { phrase.wipe() }
        guard !phrase.contains(0) else { return nil }
        phrase.append(0)
        return phrase.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}

extension [CChar] {
    /// Up to its NUL.
    fileprivate var text: String { String(decoding: prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
