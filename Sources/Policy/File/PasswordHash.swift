import CCrypt
package import Wire

/// Hashes of passwords (crypt(5)). Every method here may take a tenth of a second: never on a shard.
package enum PasswordHash {
    /// The longest password, in bytes; a longer one is no one's.
    package static let passwordLimitBytes = Int(CCRYPT_PHRASE_BYTES) - 1

    /// Whether it is a hash by a method that holds today.
    static func isSound(_ hash: String) -> Bool {
        hash.utf8.count < Int(CCRYPT_HASH_BYTES) && hash.utf8.allSatisfy { (0x21..<0x7f).contains($0) }
            && ccrypt_is_sound(hash)
    }

    /// Whether the hash is that of the password.
    static func matches(_ hash: String, _ password: Secret) -> Bool {
        guard let made = make(password, setting: hash) else { return false }
        let bytes = Array(hash.utf8)
        return made.isSame(as: bytes.span)
    }

    /// A new hash of a password, by yescrypt with a random salt; nil where the password is empty, too long or holds a
    /// NUL, or where the system cannot.
    package static func make(_ password: Secret) -> String? {
        var setting = [CChar](repeating: 0, count: Int(CCRYPT_HASH_BYTES))
        guard !password.isEmpty, ccrypt_make_setting("$y$", 0, &setting) == 0 else { return nil }
        let text = setting.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return make(password, setting: text).map { made in
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
        guard password.count <= passwordLimitBytes else { return nil }
        var phrase: [UInt8] = []
        phrase.reserveCapacity(password.count + 1)
        password.append(to: &phrase)
        defer { phrase.wipe() }
        guard !phrase.contains(0) else { return nil }
        phrase.append(0)
        var hash = [CChar](repeating: 0, count: Int(CCRYPT_HASH_BYTES))
        let result = phrase.withUnsafeBytes { bytes in
            ccrypt_hash(bytes.baseAddress!.assumingMemoryBound(to: CChar.self), setting, &hash)
        }
        guard result == 0 else { return nil }
        let length = hash.firstIndex(of: 0) ?? hash.count
        return Secret(capacityBytes: length) { made in
            for byte in hash[..<length] { made.append(UInt8(bitPattern: byte)) }
        }
    }
}
