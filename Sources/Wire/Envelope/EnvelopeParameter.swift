/// A parameter of MAIL or RCPT: `SIZE=1000`, `SMTPUTF8` (RFC 5321 section 4.1.2).
public struct EnvelopeParameter: Sendable, Equatable {
    /// How many a command may have.
    public static let countMax = 32

    /// In capital letters.
    public let keyword: String
    /// What stands behind the equals sign; nil where there is none.
    public let value: [UInt8]?

    /// Which capability brings the parameter; nil where Mailrace knows none. A server that has not offered it answers
    /// 555 (RFC 5321 section 4.1.1.11).
    public var capability: Capability? {
        switch keyword {
        case "SIZE": .size
        case "BODY": value?.map(\.uppercased) == Array("BINARYMIME".utf8) ? .binaryMIME : .eightBitMIME
        case "SMTPUTF8": .smtpUTF8
        case "AUTH": .auth
        case "RET", "ENVID", "NOTIFY", "ORCPT": .dsn
        case "REQUIRETLS": .requireTLS
        case "BY": .deliverBy
        case "MT-PRIORITY": .mtPriority
        default: nil
        }
    }

    /// BODY with a value that not every server takes for granted (RFC 6152 section 3).
    public var isEightBitMIME: Bool { keyword == "BODY" && value?.map(\.uppercased) != Array("7BIT".utf8) }

    /// As it goes out.
    public var rendered: [UInt8] { Array(keyword.utf8) + (value.map { [UInt8(ascii: "=")] + $0 } ?? []) }

    /// The parameters in what stands behind a path: nothing, or words behind spaces.
    static func list(_ bytes: ArraySlice<UInt8>) throws(EnvelopeCommandError) -> [EnvelopeParameter] {
        guard bytes.isEmpty || bytes.first == .space else { throw .badParameters }
        var found: [EnvelopeParameter] = []
        for word in bytes.split(separator: .space) {
            guard found.count < countMax, let parameter = EnvelopeParameter(word) else { throw .badParameters }
            guard !found.contains(where: { $0.keyword == parameter.keyword }) else { throw .conflictingParameters }
            found.append(parameter)
        }
        return found
    }

    private init?(_ word: ArraySlice<UInt8>) {
        let equals = word.firstIndex(of: UInt8(ascii: "="))
        let keyword = word[..<(equals ?? word.endIndex)]
        guard let first = keyword.first, MailboxReader.isLetterOrDigit(first),
            keyword.allSatisfy({ MailboxReader.isLetterOrDigit($0) || $0 == .dash })
        else { return nil }
        self.keyword = String(decoding: keyword.map(\.uppercased), as: UTF8.self)
        value = equals.map { Array(word[($0 + 1)...]) }
        // An equals sign within a value is xtext's to escape, and AUTH=<>'s to bear none.
        guard let value else { return }
        let isValue = value.allSatisfy { $0 > .space && $0 != UInt8(ascii: "=") && $0 != 0x7F }
        guard isValue, !value.isEmpty, String(validating: value, as: UTF8.self) != nil else { return nil }
    }
}

extension Capability {
    /// RFC 1870.
    public static let size = Capability(stated: "SIZE")
    /// RFC 6152.
    public static let eightBitMIME = Capability(stated: "8BITMIME")
    /// RFC 3030.
    public static let binaryMIME = Capability(stated: "BINARYMIME")
    public static let chunking = Capability(stated: "CHUNKING")
    /// RFC 6531.
    public static let smtpUTF8 = Capability(stated: "SMTPUTF8")
    /// RFC 4954.
    public static let auth = Capability(stated: "AUTH")
    /// RFC 3461.
    public static let dsn = Capability(stated: "DSN")
    /// RFC 8689.
    public static let requireTLS = Capability(stated: "REQUIRETLS")
    /// RFC 2852.
    public static let deliverBy = Capability(stated: "DELIVERBY")
    /// RFC 6710.
    public static let mtPriority = Capability(stated: "MT-PRIORITY")
    /// RFC 2920.
    public static let pipelining = Capability(stated: "PIPELINING")
    /// Postfix's: another client's identity, for the session and for the log.
    public static let xclient = Capability(stated: "XCLIENT")
    public static let xforward = Capability(stated: "XFORWARD")

    init(stated keyword: String) {
        guard let capability = Capability(keyword) else { preconditionFailure("no keyword: \(keyword)") }
        self = capability
    }
}
