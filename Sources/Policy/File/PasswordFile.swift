import Wire

/// Users and what they are known by, read from text: a line each, `USER:HASH`. Immutable; for all threads.
///
/// The hash is one of crypt(5), yescrypt, bcrypt or SHA-512, or Argon2id or Argon2i. `{PLAIN}SECRET` in its place is a
/// shared secret, which CRAM-MD5 needs and nothing else is answered with; `{EXTERNAL}` lets in who shows a certificate
/// of that name. So a user may have a line of each kind. Empty lines and those that begin with `#` say nothing.
final class PasswordFile: Sendable {
    /// What a user is known by.
    struct Entry: Sendable {
        fileprivate(set) var hash: String?
        fileprivate(set) var sharedSecret: Secret?
        fileprivate(set) var mayShowCertificate = false
    }

    /// What is wrong with a file.
    struct Problem: Error, CustomStringConvertible {
        /// From 1 on.
        let line: Int
        let text: String

        var description: String { "line \(line): \(text)" }
    }

    /// The longest line, in bytes.
    static let lineLimitBytes = 1_024

    private let entries: [[UInt8]: Entry]

    var count: Int { entries.count }

    /// - Throws: the first line that cannot be read. A file is taken as a whole or not at all: half of one would shut
    ///   people out.
    init(_ text: [UInt8]) throws(Problem) {
        var entries: [[UInt8]: Entry] = [:]
        for (number, line) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            do throws(LineProblem) {
                try Self.add(line.last == 0x0D ? Array(line.dropLast()) : Array(line), to: &entries)
            } catch {
                throw Problem(line: number + 1, text: error.rawValue)
            }
        }
        self.entries = entries
    }

    func entry(of user: [UInt8]) -> Entry? { entries[user] }

    /// A hash to try passwords of unknown users on, so that they take as long as those of known ones: by the method
    /// of some user's.
    var decoy: String? { entries.values.lazy.compactMap(\.hash).first }

    private enum LineProblem: String, Error {
        case tooLong = "the line is too long"
        case noColon = "there is no colon behind the user"
        case noUser = "there is no user"
        case badUser = "the user's name is too long, or holds a control character"
        case twice = "the user has had a line of this kind before"
        case noHash = "neither a hash ($y$, $argon2id$, $2b$ or $6$) nor {PLAIN} or {EXTERNAL}"
        case noSecret = "there is no secret behind {PLAIN}"
        case tooCostly = "to try the hash takes too much time or memory, or nobody knows how much"
    }

    private static func add(_ line: [UInt8], to entries: inout [[UInt8]: Entry]) throws(LineProblem) {
        guard line.count <= lineLimitBytes else { throw .tooLong }
        guard let first = line.first, first != UInt8(ascii: "#") else { return }
        // A user may hold a colon, a hash none: that of a shared secret may.
        let marks = [Array(":{PLAIN}".utf8), Array(":{EXTERNAL}".utf8)]
        let (plain, external) = (line.firstRange(of: marks[0]), line.firstRange(of: marks[1]))
        guard let colon = plain?.lowerBound ?? external?.lowerBound ?? line.lastIndex(of: UInt8(ascii: ":")) else {
            throw .noColon
        }
        let user = Array(line[..<colon])
        guard !user.isEmpty else { throw .noUser }
        guard user.count <= Credentials.identityLimitBytes, user.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .badUser
        }
        var entry = entries[user] ?? Entry()
        if let plain {
            guard entry.sharedSecret == nil else { throw .twice }
            let secret = line[plain.upperBound...]
            guard !secret.isEmpty else { throw .noSecret }
            entry.sharedSecret = Secret(capacityBytes: secret.count) { for byte in secret { $0.append(byte) } }
        } else if let external {
            guard external.upperBound == line.endIndex else { throw .noHash }
            guard !entry.mayShowCertificate else { throw .twice }
            entry.mayShowCertificate = true
        } else {
            guard entry.hash == nil else { throw .twice }
            let hash = String(decoding: line[(colon + 1)...], as: UTF8.self)
            guard PasswordHash.isSound(hash) else { throw .noHash }
            guard PasswordCost.isBounded(hash) else { throw .tooCostly }
            entry.hash = hash
        }
        entries[user] = entry
    }
}

extension [UInt8] {
    /// Where `part` stands first.
    fileprivate func firstRange(of part: [UInt8]) -> Range<Int>? {
        guard count >= part.count else { return nil }
        return (0...(count - part.count)).first { self[$0..<($0 + part.count)].elementsEqual(part) }
            .map { $0..<($0 + part.count) }
    }
}
