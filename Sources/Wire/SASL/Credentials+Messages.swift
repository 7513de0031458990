/// The messages of the mechanisms, decoded, and what they say. Nil where they are not what the mechanism asks for.
extension Credentials {
    private static let separator: UInt8 = 0x01

    /// A user's name that stands in `range`: one byte at least.
    static func user(in message: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        guard 1...identityLimitBytes ~= range.count else { return nil }
        let name = part(message, range)
        return ForbiddenByte.first(in: name.span, length: name.count) == nil ? name : nil
    }

    /// `[authorisation identity] NUL user NUL password` (RFC 4616 section 2).
    static func plain(_ message: Span<UInt8>) -> Credentials? {
        guard let first = index(of: .nul, in: message, from: 0), first <= identityLimitBytes,
            let second = index(of: .nul, in: message, from: first + 1),
            let user = user(in: message, first + 1..<second)
        else { return nil }
        let password = Secret(message, in: second + 1..<message.count)
        return Credentials(
            mechanism: .plain, user: user, authorisationIdentity: part(message, 0..<first), proof: .password(password))
    }

    /// `user digest` (RFC 2195 section 2). A user's name may hold spaces, a digest may not.
    static func cramMD5(_ message: Span<UInt8>, challenge: [UInt8]) -> Credentials? {
        let length = 32
        let space = message.count - length - 1
        guard space > 0, message[space] == .space, let user = user(in: message, 0..<space) else { return nil }
        let digest = Secret(message, in: space + 1..<message.count)
        return Credentials(mechanism: .cramMD5, user: user, proof: .digest(digest, challenge: challenge))
    }

    /// The identity to act as, or nothing (RFC 4422 appendix A.1).
    static func external(_ message: Span<UInt8>) -> Credentials? {
        guard message.count <= identityLimitBytes else { return nil }
        return Credentials(
            mechanism: .external, user: [], authorisationIdentity: part(message, 0..<message.count),
            proof: .certificate)
    }

    /// `user=NAME ^A auth=Bearer TOKEN ^A ^A`, without the spaces.
    static func xoauth2(_ message: Span<UInt8>) -> Credentials? {
        guard let fields = fields(message, from: 0), let name = fields.first, begins(message, name, "user="),
            let user = user(in: message, name.lowerBound + 5..<name.upperBound),
            let token = token(message, fields.dropFirst())
        else { return nil }
        return Credentials(mechanism: .xoauth2, user: user, proof: .token(token))
    }

    /// `n,a=NAME, ^A host=HOST ^A port=PORT ^A auth=Bearer TOKEN ^A ^A`, without the spaces (RFC 7628 section 3.1).
    /// The name is the identity to act as; who authenticates, the token says. There is no channel binding.
    static func oauthbearer(_ message: Span<UInt8>) -> Credentials? {
        guard message.count > 2, [UInt8(ascii: "n"), UInt8(ascii: "y")].contains(message[0].lowercased),
            message[1] == comma, let end = index(of: comma, in: message, from: 2), end + 1 < message.count,
            message[end + 1] == separator, let fields = fields(message, from: end + 2),
            let token = token(message, fields[...])
        else { return nil }
        var name: [UInt8] = []
        if end > 2 {
            guard begins(message, 2..<end, "a="), let read = saslName(message, 4..<end) else { return nil }
            name = read
        }
        return Credentials(mechanism: .oauthbearer, user: name, proof: .token(token))
    }

    private static let comma = UInt8(ascii: ",")

    /// A name in which `=2C` is a comma and `=3D` an equals sign (RFC 5801 section 4).
    private static func saslName(_ message: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        var name: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            guard message[index] == UInt8(ascii: "=") else {
                name.append(message[index])
                index += 1
                continue
            }
            guard range.upperBound - index >= 3 else { return nil }
            switch part(message, index + 1..<index + 3) {
            case Array("2C".utf8): name.append(comma)
            case Array("3D".utf8): name.append(UInt8(ascii: "="))
            default: return nil
            }
            index += 3
        }
        return user(in: name.span, name.indices)
    }

    /// The fields behind `start`, each of which a ^A ends; a ^A alone ends them all, and the message.
    private static func fields(_ message: Span<UInt8>, from start: Int) -> [Range<Int>]? {
        var fields: [Range<Int>] = []
        var start = start
        // user, auth, host and port, and what clients add to them.
        while fields.count < 16, let end = index(of: separator, in: message, from: start) {
            if end == start { return end + 1 == message.count ? fields : nil }
            fields.append(start..<end)
            start = end + 1
        }
        return nil
    }

    /// The token of the one field `auth`.
    private static func token(_ message: Span<UInt8>, _ fields: ArraySlice<Range<Int>>) -> Secret? {
        let found = fields.filter { begins(message, $0, "auth=") }
        guard found.count == 1, let field = found.first else { return nil }
        var start = field.lowerBound + 5
        guard begins(message, start..<field.upperBound, "bearer ") else { return nil }
        start += 7
        while start < field.upperBound, message[start] == .space { start += 1 }
        return Secret(message, in: start..<field.upperBound)
    }

    /// Whether `range` begins with the small letters of `word`, in any case of letters.
    private static func begins(_ message: Span<UInt8>, _ range: Range<Int>, _ word: String) -> Bool {
        word.utf8.count <= range.count && zip(range, word.utf8).allSatisfy { message[$0].lowercased == $1 }
    }

    private static func index(of byte: UInt8, in message: Span<UInt8>, from start: Int) -> Int? {
        guard start <= message.count else { return nil }
        return (start..<message.count).first { message[$0] == byte }
    }

    private static func part(_ message: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var part: [UInt8] = []
        part.append(message, in: range)
        return part
    }
}
