/// The nearest valid spelling of a word that is none.
package enum Spelling {
    /// Longer words are compared with nothing.
    private static let bytesMax = 64

    /// What may have been meant: the candidate with the fewest edits, if they are few for its length.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        guard word.utf8.count <= bytesMax else { return nil }
        let typed = Array(word.lowercased().utf8)
        var best: (candidate: String, edits: Int)?
        for candidate in candidates where (1...bytesMax).contains(candidate.utf8.count) {
            let edits = distance(typed, Array(candidate.lowercased().utf8))
            guard edits <= 1 + candidate.utf8.count / 4, edits < best?.edits ?? .max else { continue }
            best = (candidate, edits)
        }
        return best?.candidate
    }

    /// `; did you mean X?`, or nothing.
    package static func hint(for word: String, among candidates: some Sequence<String>, quoted: Bool = false) -> String
    {
        guard let word = nearest(to: word, among: candidates) else { return "" }
        return "; did you mean \(quoted ? Quoting.toml(word) : word)?"
    }

    /// Insertions, deletions, replacements and exchanges of neighbours that make `other` of `word`.
    static func distance(_ word: [UInt8], _ other: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...other.count)
        for (row, byte) in word.enumerated() {
            var current = [row + 1]
            for (column, otherByte) in other.enumerated() {
                let replaced = last[column] + (byte == otherByte ? 0 : 1)
                var edits = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, byte == other[column - 1], word[row - 1] == otherByte {
                    edits = min(edits, beforeLast[column - 1] + 1)
                }
                current.append(edits)
            }
            (beforeLast, last) = (last, current)
        }
        return last[other.count]
    }
}
