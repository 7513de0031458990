/// What a database has for a key, in columns of text: the server, and whether its certificate must be valid.
enum MapColumns {
    /// Nothing, or nothing but blanks, for the server is no such key. Nil where it is longer than any server, which is
    /// not to be remembered, and where the second column is no yes and no no.
    static func answer(server: [UInt8]?, verifiesTLS: [UInt8]?) -> MapAnswer? {
        let server = trimmed(server ?? [])
        guard !server.isEmpty else { return .missing }
        guard server.count <= MapPlace.textLimitBytes else { return nil }
        let word = trimmed(verifiesTLS ?? [])
        guard !word.isEmpty else { return .found(MapEntry(server: server)) }
        guard let verifies = Bool(mapText: word) else { return nil }
        return .found(MapEntry(server: server, verifiesTLS: verifies))
    }

    private static func trimmed(_ text: [UInt8]) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        let head = text.drop(while: isBlank)
        guard let last = head.lastIndex(where: { !isBlank($0) }) else { return [] }
        return Array(head[...last])
    }
}

extension Bool {
    /// A truth value as files and databases have it, who spell it in many ways; nil for anything else.
    init?(mapText text: [UInt8]) {
        switch String(decoding: text.map(\.lowercased), as: UTF8.self) {
        case "true", "t", "yes", "y", "on", "1": self = true
        case "false", "f", "no", "n", "off", "0": self = false
        default: return nil
        }
    }
}
