/// A mailbox in an envelope (RFC 5321 section 4.1.2; RFC 6531 section 3.3 for UTF-8).
public struct Mailbox: Sendable, Equatable {
    /// As it was written: case, quotes and backslashes are the final server's to understand. One byte at least.
    public let localPart: [UInt8]
    /// A domain, or an address literal in its brackets; empty where there is none: `<postmaster>`.
    public let domain: [UInt8]

    /// As it stands between angle brackets.
    public var address: [UInt8] { domain.isEmpty ? localPart : localPart + [UInt8(ascii: "@")] + domain }
    /// False where only a server with SMTPUTF8 may see it.
    public var isASCII: Bool { localPart.allSatisfy { $0 < 0x80 } && domain.allSatisfy { $0 < 0x80 } }
    /// `<postmaster>`, in any case of letters and without a domain: who receives mail takes mail for it (RFC 5321
    /// section 4.5.1).
    public var isPostmaster: Bool {
        domain.isEmpty && localPart.map(\.uppercased) == Array("POSTMASTER".utf8)
    }
}

/// How closely the grammar of RFC 5321 is kept to.
public enum EnvelopeSyntax: Sendable, CaseIterable {
    /// To the letter.
    case strict
    /// Also what clients write and other servers have always taken: an address without its angle brackets, blanks
    /// before it, dots anywhere in a local part, underscores in domains, mailboxes without a domain, longer local
    /// parts. Nothing that could be read in two ways.
    case lenient

    /// The longest local part, in bytes (RFC 5321 section 4.5.3.1.1). Return paths that carry a recipient exceed it.
    var localPartLimitBytes: Int { self == .strict ? 64 : Self.pathLimitBytes }
    /// The longest domain, in bytes (RFC 5321 section 4.5.3.1.2).
    static let domainLimitBytes = 255
    /// The longest mailbox of all, in bytes.
    static let pathLimitBytes = 1_024
}

/// Reads addresses from an argument, from left to right.
struct MailboxReader {
    let bytes: [UInt8]
    let syntax: EnvelopeSyntax
    var index = 0

    var isAtEnd: Bool { index == bytes.count }
    var current: UInt8? { isAtEnd ? nil : bytes[index] }

    /// Passes the byte if it stands here.
    mutating func pass(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    /// Passes the bytes that are as `mayHold` has it.
    mutating func run(while mayHold: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = index
        while let current, mayHold(current) { index += 1 }
        return bytes[start..<index]
    }

    /// A path in its angle brackets, or without where that is taken. Outer nil: there is none. Inner nil: `<>`.
    mutating func path() -> Mailbox?? {
        guard pass(UInt8(ascii: "<")) else {
            guard syntax == .lenient, let mailbox = mailbox() else { return nil }
            return .some(mailbox)
        }
        if pass(UInt8(ascii: ">")) { return .some(nil) }
        guard passRoute(), let mailbox = mailbox(), pass(UInt8(ascii: ">")) else { return nil }
        return .some(mailbox)
    }

    /// `@one.example,@two.example:`, which means nothing any more (RFC 5321 appendix C).
    private mutating func passRoute() -> Bool {
        guard current == UInt8(ascii: "@") else { return true }
        repeat {
            guard pass(UInt8(ascii: "@")), domain() != nil else { return false }
        } while pass(UInt8(ascii: ","))
        return pass(.colon)
    }

    private mutating func mailbox() -> Mailbox? {
        let start = index
        guard let localPart = current == UInt8(ascii: "\"") ? quotedString() : dotString(),
            1...syntax.localPartLimitBytes ~= localPart.count
        else { return nil }
        var domain: ArraySlice<UInt8> = []
        if pass(UInt8(ascii: "@")) {
            guard let found = self.domain() else { return nil }
            domain = found
        }
        let mailbox = Mailbox(localPart: Array(localPart), domain: Array(domain))
        let mayLackDomain = syntax == .lenient || mailbox.isPostmaster
        guard !domain.isEmpty || mayLackDomain, index - start <= EnvelopeSyntax.pathLimitBytes else { return nil }
        // Bytes that are no UTF-8 are no text to anyone.
        return mailbox.isASCII || String(validating: mailbox.address, as: UTF8.self) != nil ? mailbox : nil
    }

    private mutating func dotString() -> ArraySlice<UInt8>? {
        let text = run { Self.isAtomByte($0) || $0 == .dot }
        if syntax == .lenient { return text }
        let atoms = text.split(separator: .dot, omittingEmptySubsequences: false)
        return atoms.allSatisfy { !$0.isEmpty } ? text : nil
    }

    /// A quoted string, its quotes included.
    private mutating func quotedString() -> ArraySlice<UInt8>? {
        let start = index
        index += 1
        while let byte = current, byte >= .space, byte != 0x7F {
            index += 1
            if byte == UInt8(ascii: "\"") { return bytes[start..<index] }
            guard byte == .backslash else { continue }
            guard let quoted = current, (0x20...0x7E).contains(quoted) else { return nil }
            index += 1
        }
        return nil
    }

    /// A domain or an address literal.
    mutating func domain() -> ArraySlice<UInt8>? {
        if current == UInt8(ascii: "[") { return addressLiteral() }
        let underscore = syntax == .lenient ? UInt8(ascii: "_") : .dash
        let text = run { Self.isDomainByte($0) || $0 == .dot || $0 == underscore }
        guard 1...EnvelopeSyntax.domainLimitBytes ~= text.count else { return nil }
        var labels = text.split(separator: .dot, omittingEmptySubsequences: false)
        if syntax == .lenient, labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        let areLabels = labels.allSatisfy { label in
            1...63 ~= label.count && (syntax == .lenient || label.first != .dash && label.last != .dash)
        }
        return areLabels ? text : nil
    }

    /// `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `[tag:content]` (RFC 5321 section 4.1.3). Content of which other programs
    /// could take a part for the end of the path, or for another address, is refused: nobody has it.
    private mutating func addressLiteral() -> ArraySlice<UInt8>? {
        let start = index
        index += 1
        let content = run { Self.isLetterOrDigit($0) || Self.literalSymbols.contains($0) }
        guard pass(UInt8(ascii: "]")), index - start <= EnvelopeSyntax.domainLimitBytes else { return nil }
        return AddressLiteral.isValid(content) ? bytes[start..<index] : nil
    }

    private static func isAtomByte(_ byte: UInt8) -> Bool {
        byte >= 0x80 || isLetterOrDigit(byte) || atomSymbols.contains(byte)
    }

    private static let literalSymbols = Array(":.-_+*/=".utf8)
    private static let atomSymbols = Array("!#$%&'*+-/=?^_`{|}~".utf8)

    private static func isDomainByte(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == .dash || isLetterOrDigit(byte)
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte.uppercased) || byte.decimalValue != nil
    }
}

/// What stands between the brackets of an address literal.
enum AddressLiteral {
    static func isValid(_ content: ArraySlice<UInt8>) -> Bool {
        let content = Array(content)
        guard let colon = content.firstIndex(of: .colon) else {
            return IPAddress.ipv4(content.span, in: content.indices) != nil
        }
        if content[..<colon].map(\.uppercased) == Array("IPV6".utf8) {
            return IPAddress.ipv6(content.span, in: colon + 1..<content.count) != nil
        }
        let tag = content[..<colon]
        return colon + 1 < content.count && !tag.isEmpty && tag.last != .dash
            && tag.allSatisfy { MailboxReader.isLetterOrDigit($0) || $0 == .dash }
    }
}
