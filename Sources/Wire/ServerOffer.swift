/// What a server offers in its reply to EHLO, as far as a relay has to know it (RFC 5321 section 4.1.1.1).
public struct ServerOffer: Sendable, Hashable {
    /// The service extensions that Mailrace passes on or makes use of.
    private static let known: [Capability] = [
        .size, .eightBitMIME, .smtpUTF8, .dsn, .chunking, .binaryMIME, .requireTLS, .limits, .pipelining,
        .enhancedStatusCodes, .deliverBy, .mtPriority, .xclient, .xforward, .auth, .starttls,
    ]

    /// Those of them that it lists: a bit for each, as a listener compares the offers of many servers for each client.
    private var listed: UInt32 = 0
    /// The largest message that it takes, in bytes; 0: no limit is known (RFC 1870 section 4).
    public private(set) var messageBytesMax = 0
    /// What it announces of its limits (RFC 9422); nil: nothing.
    public private(set) var transactionsMax: Int?
    public private(set) var recipientsMax: Int?
    public private(set) var recipientDomainsMax: Int?

    /// Nothing, as a server has it that knows HELO only.
    public static let nothing = ServerOffer()

    public init(_ reply: Reply) {
        for (place, capability) in Self.known.enumerated() where reply.offers(capability) { listed |= 1 << place }
        if let size = reply.parameters(of: .size).first { messageBytesMax = Array(size).decimalNumber ?? 0 }
        for limit in reply.parameters(of: .limits) { note(limit) }
    }

    private init() {}

    /// Those of the extensions above that it lists.
    public var capabilities: Set<Capability> { Set(Self.known.filter(offers)) }

    public func offers(_ capability: Capability) -> Bool {
        Self.known.firstIndex(of: capability).map { listed & 1 << $0 != 0 } ?? false
    }

    /// Whether a parameter of MAIL or RCPT may go to the server.
    public func takes(_ parameter: EnvelopeParameter) -> Bool {
        parameter.capability.map(offers) ?? false
    }

    /// What both have: the extensions that both list, and the narrower of their limits.
    public func intersection(_ other: ServerOffer) -> ServerOffer {
        var common = ServerOffer()
        common.listed = listed & other.listed
        common.messageBytesMax = Self.narrower(limit(messageBytesMax), limit(other.messageBytesMax)) ?? 0
        common.transactionsMax = Self.narrower(transactionsMax, other.transactionsMax)
        common.recipientsMax = Self.narrower(recipientsMax, other.recipientsMax)
        common.recipientDomainsMax = Self.narrower(recipientDomainsMax, other.recipientDomainsMax)
        return common
    }

    private func limit(_ size: Int) -> Int? { size == 0 ? nil : size }

    private static func narrower(_ first: Int?, _ second: Int?) -> Int? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    /// `RCPTMAX=100`. One that is unknown, or has no number of one to six digits, is as if it were not there (RFC 9422
    /// section 4).
    private mutating func note(_ limit: ArraySlice<UInt8>) {
        let parts = limit.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].count <= 6, let number = Array(parts[1]).decimalNumber, number > 0 else {
            return
        }
        switch String(decoding: parts[0].map(\.uppercased), as: UTF8.self) {
        case "MAILMAX": transactionsMax = number
        case "RCPTMAX": recipientsMax = number
        case "RCPTDOMAINMAX": recipientDomainsMax = number
        default: break
        }
    }
}

extension Capability {
    /// RFC 9422.
    public static let limits = Capability(stated: "LIMITS")
    /// RFC 2034.
    public static let enhancedStatusCodes = Capability(stated: "ENHANCEDSTATUSCODES")
}
