import Wire

/// Commands as Redis takes them: a list of texts, each with its length (RESP).
enum RedisCommand {
    static func bytes(_ words: [UInt8]...) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + Array("\r\n".utf8) }
        return bytes
    }

    /// Nil where nobody has to say who it is.
    ///
    /// - Returns: bytes that hold the password.
    static func authentication(for server: RedisServer) -> [UInt8]? {
        guard let password = server.password else { return nil }
        let head = server.user.map { "*3\r\n$4\r\nAUTH\r\n$\($0.utf8.count)\r\n\($0)\r\n" } ?? "*2\r\n$4\r\nAUTH\r\n"
        let length = "$\(password.count)\r\n"
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.utf8.count + length.utf8.count + password.count + 2)
        bytes += head.utf8
        bytes += length.utf8
        password.append(to: &bytes)
        bytes += "\r\n".utf8
        return bytes
    }
}
