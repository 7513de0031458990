/// Host names as clients ask for them (SNI), in the form in which they are compared: lower case, no final dot.
enum ServerName {
    static let longestBytes = 253
    static let longestLabelBytes = 63

    /// A configured name, or wildcard for the left-most label.
    ///
    /// - Returns: the name, a wildcard's without its `*.`; nil for what no client can ask for.
    static func configured(_ text: String) -> (name: [UInt8], isWildcard: Bool)? {
        var name = canonical(text.utf8)
        let isWildcard = name.starts(with: Array("*.".utf8))
        if isWildcard { name.removeFirst(2) }
        guard name.count <= longestBytes else { return nil }
        let labels = name.split(separator: dot, omittingEmptySubsequences: false)
        guard labels.allSatisfy(isLabel), let last = labels.last, !last.allSatisfy(isDigit) else { return nil }
        return (name, isWildcard)
    }

    /// The host name in the body of the server name extension (RFC 6066, 3): a list of one, since no other type of name
    /// was ever made. Nil for anything else; OpenSSL then finds out what is wrong with it.
    static func requested(in body: Span<UInt8>) -> [UInt8]? {
        let headerBytes = 5
        guard body.count > headerBytes, body.count <= headerBytes + longestBytes + 1 else { return nil }
        guard Int(body[0]) << 8 | Int(body[1]) == body.count - 2, body[2] == 0,
            Int(body[3]) << 8 | Int(body[4]) == body.count - headerBytes
        else { return nil }
        return canonical((headerBytes..<body.count).map { body[$0] })
    }

    /// What a wildcard of one label stands before: `example.net` for `mx.example.net`. Nil where there is none.
    static func parent(of name: [UInt8]) -> [UInt8]? {
        guard let end = name.firstIndex(of: dot), end > 0, end + 1 < name.count else { return nil }
        return Array(name[(end + 1)...])
    }

    private static let dot = UInt8(ascii: ".")

    static func canonical(_ text: some Sequence<UInt8>) -> [UInt8] {
        var name = text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        if name.last == dot { name.removeLast() }
        return name
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Letters, digits, hyphens, and the underscores that some have in spite of RFC 1123.
    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard 1...longestLabelBytes ~= label.count, label.first != hyphen, label.last != hyphen else { return false }
        return label.allSatisfy {
            isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == hyphen
                || $0 == UInt8(ascii: "_")
        }
    }
}
